"""A plan as a workbook: what it is, every row with each field old and new, and the totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from campaigns.guard_rails.rails import per_cent
from campaigns.output.workbook import WorkbookWriter, new_workbook
from campaigns.plan.figures import Figures
from campaigns.plan.largest import OTHERS, Totals
from campaigns.plan.plan_file import Plan
from campaigns.plan.summary import moved, revenue
from campaigns.rows.field_change import FieldChange, changes_of
from campaigns.rows.planned_row import PlannedRow, RowClass
from revio_jobs.contracts import CHANGE_NAMES

_SEEN = ("customer_id", "product_id", "description", "quantity")
# A cell with a format costs twice as much; a description is a text without one as well.
_TEXTS = frozenset({"code1", "code2"})


def write_workbook(
    plan: Plan, figures: Figures, facts: Iterable[tuple[str, object]], path: Path
) -> None:
    """Sheets: summary, plan (every row), not undoable, customers, products. Raises OSError."""
    with new_workbook(path) as book:
        add = book.sheet("summary", ("what", "value"))
        for name, value in facts:
            if value not in {None, ""}:
                add((name, str(value)))
        _write_rows(book, plan)
        _write_totals(book, "customers", "customer_id", figures.customers)
        _write_totals(book, "products", "product_id", figures.products)


def _write_rows(book: WorkbookWriter, plan: Plan) -> None:
    fields = [name for name in CHANGE_NAMES if plan.summary.fields[name]]
    titles, texts = _titles(fields)
    add = book.sheet("plan", titles, texts)
    # A sheet of its own, so that nobody has to filter for what matters most.
    add_not_undoable = None
    if plan.summary.not_undoable:
        add_not_undoable = book.sheet("not undoable", titles, texts)
    for row in plan.rows():
        cells = _cells(row, fields)
        add(cells)
        if add_not_undoable and row.kind is RowClass.CHANGE and row.not_undoable:
            add_not_undoable(cells)


def _titles(fields: Sequence[str]) -> tuple[Sequence[str], frozenset[int]]:
    """And the places of those whose cells are always text."""
    changed = [f"{name}_{when}" for name in fields for when in ("before", "after")]
    titles = (
        *("class", "sheet", "line", "id", *_SEEN),
        *changed,
        *("revenue_change", "rate_change_percent", "guard_rails", "undo"),
    )
    texts = {
        place
        for place, title in enumerate(titles)
        if title.removesuffix("_before").removesuffix("_after") in _TEXTS
    }
    return titles, frozenset(texts)


def _cells(row: PlannedRow, fields: Sequence[str]) -> list[Any]:
    changes = {change.name: change for change in changes_of(row)}
    before, after = revenue(row)
    change = moved(row)
    return [
        row.kind.value,
        row.sheet or None,
        row.line or None,
        row.id or None,
        *(row.seen.get(name) for name in _SEEN),
        *(value for name in fields for value in _old_and_new(changes.get(name), name, row)),
        after - before if changes else None,
        None if change is None else round(change, 2),
        "; ".join(row.says) or None,
        row.not_undoable or None,
    ]


def _old_and_new(change: FieldChange | None, name: str, row: PlannedRow) -> tuple[object, object]:
    """A row's rate is shown even if it stays: totals begin with it."""
    if change:
        return change.old, change.new
    return (_amount(row.seen.get(name)) if name == "rate" else None), None


def _write_totals(book: WorkbookWriter, title: str, key_title: str, totals: Totals) -> None:
    header = (key_title, "description", "rows", "before", "after", "moved", "moved_percent")
    add = book.sheet(title, header)
    for key, total in totals.largest(len(totals)):
        change = per_cent(total.before, total.after)
        add(
            (
                "all others" if key == OTHERS else key,
                total.name,
                total.rows,
                total.before,
                total.after,
                total.moved,
                None if change is None else round(change, 2),
            )
        )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
