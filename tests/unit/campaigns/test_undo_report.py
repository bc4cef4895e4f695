"""What an undo leaves alone is listed in full in a file, and in part everywhere else."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from campaigns.plan.product_reader import ProductReader
from campaigns.results.retry_undo import rows_to_undo
from campaigns.results.row_results import RowResult
from campaigns.results.undo_report import LeftRow, UndoReport, Why, reporting
from campaigns.rows.ended_row import RowOutcome
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form
from revio_jobs import CustomerProduct


def test_of_many_products_a_few_are_kept_and_all_are_written_in_the_inputs_form(
    tmp_path: Path,
) -> None:
    path = tmp_path / "left.csv"
    with reporting(Form("csv", ("id",), ";", "cp1252", decimal_comma=True), path) as report:
        report.add(LeftRow(Why.EDITED, 1, 1001, "description=Prämie"))
        for one in range(2, 1002):
            report.add(LeftRow(Why.BILLED, one, None, "", "2026-06-30", Decimal("0.50")))
    assert report.counts == {Why.EDITED: 1, Why.BILLED: 1000}
    assert len(report.of(Why.BILLED)) == 20
    assert not report.of(Why.NOT_UNDONE)
    assert report.charged_more == 500
    written = list(csv.reader(path.read_text("cp1252").splitlines(), delimiter=";"))
    assert written[:3] == [
        ["id", "customer_id", "what", "says", "billed_through", "charged_more"],
        ["1", "1001", "edited", "description=Prämie", "", ""],
        ["2", "", "billed", "", "2026-06-30", "0,50"],
    ]
    assert len(written) == 1002


def test_a_row_that_the_undo_cannot_plan_is_left_as_a_whole_and_named() -> None:
    report, seen = UndoReport(), {"customer_id": 1001}
    for kind in RowClass:
        report.note(PlannedRow(kind, 2, 5001, seen=seen, says=("the vendor cannot empty code1",)))
    says = "nothing of it is taken back: the vendor cannot empty code1"
    left = LeftRow(Why.NOT_UNDONE, 5001, 1001, says)
    assert report.of(Why.NOT_UNDONE) == [left, left]


@dataclass
class Products:
    """Implements what of the reader an undo needs."""

    known: dict[int, CustomerProduct]
    ids_per_call: int = 2

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct]]]:
        for batch in batches:
            yield batch, self.known


def undone(result: RowResult, **product: Any) -> tuple[dict[str, Any] | None, UndoReport]:
    """What an undo of the row writes, where the product is as it is now; and its report."""
    current = CustomerProduct(customer_product_id=result.row.id, customer_id=1001, **product)
    reader, report = cast("ProductReader", Products({result.row.id: current})), UndoReport()
    rows = list(rows_to_undo([result], reader, report))
    return {**rows[0].changes, **dict.fromkeys(rows[0].clear)} if rows else None, report


@pytest.mark.parametrize(
    ("before", "after", "charged_more"),
    [
        ({"rate": "10.00"}, {"rate": "12.00"}, "10"),
        ({"quantity": 2}, {"quantity": 5}, "36"),
        ({"rate": "10.00", "quantity": 2}, {"rate": "12.00", "quantity": 5}, "40"),
        ({"rate": None}, {"rate": "12.00"}, "60"),
        ({"code1": "A"}, {"code1": "B"}, "0"),
    ],
)
def test_what_was_charged_too_much_counts_rate_and_quantity_as_they_were_and_are(
    before: dict[str, Any], after: dict[str, Any], charged_more: str
) -> None:
    row = PlannedRow(RowClass.CHANGE, 2, 5001, before, after)
    current = {"rate": "12.00", "quantity": 5, **after}
    _, report = undone(
        RowResult(row, RowOutcome.APPLIED), billed_through_date=date(2026, 6, 30), **current
    )
    (billed,) = report.of(Why.BILLED)
    assert billed.charged_more == report.charged_more == Decimal(charged_more)


@pytest.mark.parametrize(
    ("rate", "writes", "says"),
    [
        ("12.00", {"rate": Decimal("10.00")}, ()),
        ("10.00", None, ()),
        ("11.00", None, ("rate=11.00",)),
    ],
)
def test_of_a_row_of_unknown_outcome_the_product_says_whether_there_is_anything_to_take_back(
    rate: str, writes: dict[str, Any] | None, says: tuple[str, ...]
) -> None:
    row = PlannedRow(RowClass.CHANGE, 2, 5001, {"rate": "10.00"}, {"rate": "12.00"})
    unknown = RowResult(row, RowOutcome.FAILED, detail={"error": "OutcomeUnknown"})
    took_back, report = undone(unknown, rate=rate, quantity=1)
    assert took_back == writes
    assert tuple(left.says for left in report.of(Why.EDITED)) == says
