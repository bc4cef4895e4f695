"""The tables of a review, for a page and for a terminal alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from campaigns.guard_rails.rails import per_cent
from campaigns.pages import Cell, Column, PageTable
from campaigns.plan.figures import Figures, shown_move
from campaigns.plan.largest import OTHERS, Total, Totals
from campaigns.plan.plan_file import Header
from campaigns.plan.summary import Summary, moved, revenue
from campaigns.rows.field_change import changes_of, in_words, plain
from campaigns.rows.planned_row import PlannedRow
from revio_jobs.contracts import CHANGE_NAMES

_PRODUCT = (
    Column("line", is_number=True),
    Column("id", is_number=True),
    Column("customer", is_number=True),
    Column("product"),
)
_MOVE = (
    Column("quantity", is_number=True),
    Column("revenue change", is_number=True, name="revenue"),
    Column("rate change", is_number=True, name="rate %"),
)
_NUMBERS = frozenset({"rate", "quantity"})


def rails_table(header: Header, summary: Summary, figures: Figures) -> PageTable:
    """Which guard rails the plan crosses, and why it may; and which of them have stopped rows."""
    rows = [
        (rail, _rows(count), "stopped: left out of the plan", _example(figures.stopped.get(rail)))
        for rail, count in summary.stopped.items()
    ]
    rows += [
        (
            rail,
            _rows(count),
            _because(rail, header),
            _example(figures.warned.get(rail)),
        )
        for rail, count in summary.crossed_rows.items()
    ]
    rows += [
        (rail, "the whole plan", _because(rail, header), says)
        for rail, says in summary.crossed.items()
    ]
    columns = [Column(title) for title in ("guard rail", "crossed by", "because", "for example")]
    return PageTable.of("Guard rails that are crossed", columns, rows)


def changes_table(summary: Summary, figures: Figures) -> PageTable:
    """Each changed field of each row, old and new."""
    fields = [name for name in CHANGE_NAMES if summary.fields[name]]
    shown = figures.by_money
    note = ""
    if not shown.is_complete:
        note = (
            f"The {shown.most:,} rows of {shown.count:,} that move most revenue; the workbook "
            "(--xlsx) has all."
        )
    changed = [
        Column(f"{name} {when}", is_number=name in _NUMBERS)
        for name in fields
        for when in ("old", "new")
    ]
    columns = (*_PRODUCT, *changed, *_MOVE, Column("guard rails"), Column("undo"))
    rows = (_full_row(row, fields) for row in shown.in_order())
    return PageTable.of("All changes", columns, rows, note=note, is_filterable=True)


def largest_tables(figures: Figures, most: int) -> dict[str, PageTable]:
    """The largest moves by money, per cent, customer and product."""
    by_money, by_percent = figures.by_money.rows()[:most], figures.by_percent.rows()[:most]
    return {
        "largest_by_money": rows_table("Largest moves by money", by_money),
        "largest_by_percent": rows_table("Largest moves by per cent", by_percent),
        "largest_by_customer": _totals_table("customer", figures.customers, most, has_names=False),
        "largest_by_product": _totals_table("product", figures.products, most),
    }


def samples_table(figures: Figures, most: int | None = None) -> PageTable:
    """A few rows of each product of the catalogue."""
    samples = [row for rows in figures.samples.values() for row in rows]
    return rows_table("Samples of each product", samples[:most])


def not_undoable_table(summary: Summary, figures: Figures, most: int) -> PageTable:
    """What an undo could not put back, and why."""
    rows = [
        (*_product(row), in_words(row), row.not_undoable) for row in figures.not_undoable[:most]
    ]
    count = summary.not_undoable.total()
    note = f"The first {len(rows):,} of {count:,} rows." if count > len(rows) else ""
    columns = (*_PRODUCT, Column("changes"), Column("why"))
    return PageTable.of("Rows that an undo could not put back", columns, rows, note=note)


def rows_table(title: str, rows: Iterable[PlannedRow]) -> PageTable:
    """Rows with all their changes in one cell."""
    columns = (*_PRODUCT, Column("changes"), *_MOVE)
    return PageTable.of(
        title, columns, [(*_product(row), in_words(row), *_move(row)) for row in rows]
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _because(rail: str, header: Header) -> str:
    """A row that crosses a rail is in a plan if somebody named a reason, or the rail only warns."""
    reason = header.overrides.get(rail)
    return f"override: {reason}" if reason else "it only warns"


def _example(rows: Sequence[PlannedRow] | None) -> str:
    if not rows:
        return ""
    return f"{rows[0].id}: {'; '.join(rows[0].says)}"


def _product(row: PlannedRow) -> tuple[object, ...]:
    seen = row.seen
    return row.line or None, row.id, seen.get("customer_id"), seen.get("description")


def _full_row(row: PlannedRow, fields: Sequence[str]) -> list[object]:
    changes = {change.name: change for change in changes_of(row)}
    values = [
        value
        for name in fields
        for value in ((changes[name].old, changes[name].new) if name in changes else ("", ""))
    ]
    return [*_product(row), *values, *_move(row), "; ".join(row.says), row.not_undoable]


def _move(row: PlannedRow) -> tuple[object, ...]:
    before, after = revenue(row)
    change = Cell(shown_move(row), _number(moved(row)))
    return row.seen.get("quantity"), _money(after - before), change


def _totals_table(what: str, totals: Totals, most: int, *, has_names: bool = True) -> PageTable:
    columns = (
        Column(what, is_number=True),
        *([Column("description")] if has_names else []),
        Column("rows", is_number=True),
        Column("revenue before", is_number=True, name="before"),
        Column("revenue after", is_number=True, name="after"),
        Column("change", is_number=True, name="moved"),
        Column("change %", is_number=True, name="%"),
    )
    rows = [_total_row(key, total, has_names=has_names) for key, total in totals.largest(most)]
    note = f"The first {most:,} of {len(totals):,}." if len(totals) > most else ""
    return PageTable.of(f"Largest moves by {what}", columns, rows, note=note)


def _total_row(key: int, total: Total, *, has_names: bool) -> tuple[object, ...]:
    change = per_cent(total.before, total.after)
    shown = Cell("new" if change is None else f"{change:+.1f} %", _number(change))
    amounts = (
        Cell(f"{amount:,.2f}", f"{_money(amount):f}")
        for amount in (total.before, total.after, total.moved)
    )
    names = [total.name] if has_names else []
    return ("others" if key == OTHERS else key), *names, total.rows, *amounts, shown


def _money(amount: Decimal) -> Decimal:
    return plain(amount) if amount else Decimal("0.00")


def _number(change: Decimal | None) -> str:
    return "" if change is None else f"{change:.4f}"
