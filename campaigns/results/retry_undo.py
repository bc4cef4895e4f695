"""New plans from a run: to retry its failed rows, or to undo what it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from campaigns.plan.product_reader import ProductReader
from campaigns.results.row_results import TRANSIENT, RowResult
from campaigns.results.undo_report import LeftRow, UndoReport, Why
from campaigns.rows.ended_row import UNCERTAIN, RowOutcome
from campaigns.rows.planned_row import PlannedRow
from campaigns.source.cells import ParsedRow
from revio_jobs import CustomerProduct, UnreadableProduct
from revio_jobs.contracts import UpdateJob, values_agree

_NOT_READABLE = "do_not_prorate"


class Only(StrEnum):
    """Which rows to try again."""

    TRANSIENT = "transient"
    """Rows whose error may be transient."""
    FAILED = "failed"
    UNPROCESSED = "unprocessed"


def rows_to_retry(results: Iterable[RowResult], only: Only) -> Iterator[ParsedRow]:
    """The rows as they were requested; their before-values are read again."""
    for result in results:
        transient = result.group == "failed" and result.error in TRANSIENT
        if transient if only is Only.TRANSIENT else result.group == only:
            yield _row_to_write(result.row, result.row.after, result.row.clear)


def rows_to_undo(
    results: Iterable[RowResult], reader: ProductReader, report: UndoReport
) -> Iterator[ParsedRow]:
    """Before-images of the rows that we wrote and that still are as we wrote them.

    Of a row that was sent with an unknown outcome the product says whether it was written.
    """
    written = (
        result
        for result in results
        if result.outcome in {RowOutcome.APPLIED, RowOutcome.DIFFERS} or result.error == UNCERTAIN
    )
    waiting: dict[int, RowResult] = {}

    def batches() -> Iterator[list[int]]:
        batch: list[int] = []
        for result in written:
            waiting[result.row.id] = result
            batch.append(result.row.id)
            if len(batch) == reader.ids_per_call:
                yield batch
                batch = []
        if batch:
            yield batch

    for batch, products in reader.by_id(batches()):
        for product_id in batch:
            result, product = waiting.pop(product_id), products.get(product_id)
            if result.error == UNCERTAIN and _is_as_before(result.row, product):
                continue
            if undone := _undo_row(result.row, product, report):
                yield undone


def _undo_row(
    row: PlannedRow, product: CustomerProduct | UnreadableProduct | None, report: UndoReport
) -> ParsedRow | None:
    if isinstance(product, UnreadableProduct):
        report.add(LeftRow(Why.NOT_UNDONE, row.id, row.seen.get("customer_id"), str(product)))
        return None
    edits = "the product is gone" if product is None else _edited(row, product)
    if product is None or edits:
        report.add(LeftRow(Why.EDITED, row.id, row.seen.get("customer_id"), edits))
        return None
    if _NOT_READABLE in (*row.after, *row.clear):
        says = f"{_NOT_READABLE} cannot be read, so it stays"
        report.add(LeftRow(Why.NOT_UNDONE, row.id, product.customer_id, says))
    _note_billing(row, product, report)
    before = {name: value for name, value in row.before.items() if name != _NOT_READABLE}
    clear = tuple(name for name, value in before.items() if value is None)
    return _row_to_write(row, {name: before[name] for name in before if name not in clear}, clear)


def _is_as_before(row: PlannedRow, product: CustomerProduct | UnreadableProduct | None) -> bool:
    """Whether the product shows all that the row was to change as it was before."""
    names = [name for name in row.before if name != _NOT_READABLE]
    return (
        isinstance(product, CustomerProduct)
        and len(names) == len(row.before) > 0
        and all(values_agree(name, row.before[name], getattr(product, name)) for name in names)
    )


def _edited(row: PlannedRow, product: CustomerProduct) -> str:
    """What is not as we wrote it, in words; "" if all is."""
    wrote = {**_typed(row.id, row.after), **dict.fromkeys(row.clear)}
    current = {name: getattr(product, name) for name in wrote if name != _NOT_READABLE}
    edited = {
        name: value for name, value in current.items() if not values_agree(name, wrote[name], value)
    }
    return ", ".join(f"{name}={value}" for name, value in edited.items())


def _note_billing(row: PlannedRow, product: CustomerProduct, report: UndoReport) -> None:
    billed, then = product.billed_through_date, row.seen.get("billed_through_date")
    if billed is None or (then is not None and billed <= date.fromisoformat(then)):
        return
    current = {"rate": product.rate, "quantity": product.quantity}
    more = _charge(current) - _charge({**current, **row.before})
    report.add(
        LeftRow(
            Why.BILLED,
            row.id,
            product.customer_id,
            billed_through=billed.isoformat(),
            charged_more=more,
        )
    )


def _charge(values: Mapping[str, Any]) -> Decimal:
    """Rate times quantity; an empty field counts as zero."""
    return Decimal(values["rate"] or 0) * Decimal(values["quantity"] or 0)


def _row_to_write(row: PlannedRow, after: Mapping[str, Any], clear: tuple[str, ...]) -> ParsedRow:
    return ParsedRow(
        row.line, row.id, _typed(row.id, after), clear, cells=row.cells, sheet=row.sheet
    )


def _typed(product_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """From a plan's JSON values to those of the contract."""
    if not values:
        return {}
    return UpdateJob.model_validate({"id": product_id, **values}).changes()
