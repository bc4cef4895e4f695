"""What changes when a row's wish meets the product as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from campaigns.errors import ExpressionError
from campaigns.guard_rails.rails import Breach, Level, Rails, forbidden
from campaigns.guard_rails.repeat import RecentChanges, no_recent_changes
from campaigns.plan.undo_obstacle import undo_obstacle
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.rules.rules import Rules, values_of
from campaigns.source.cell_text import unescaped
from campaigns.source.cells import ParsedRow, says_clear
from campaigns.source.text_faults import text_fault
from revio_jobs import CustomerProduct, UnreadableProduct
from revio_jobs.contracts import values_agree
from revio_jobs.errors import InvalidJob

_SEEN = (
    "customer_id",
    "product_id",
    "description",
    "status",
    "quantity",
    "rate",
    "cost",
    "billed_through_date",
)
NOT_EXPECTED = " is not as expected: "
"""Stands between a field's name and its values in the words of such a problem."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What planning holds every row to."""

    rules: Rules
    rails: Rails
    overrides: frozenset[str] = frozenset()
    """Rails that may be crossed, since somebody has named a reason."""
    effective: date | None = None
    account: str = "default"
    includes_disconnected: bool = False
    clearable: Callable[[], frozenset[str] | None] = lambda: None
    """The fields that can be emptied; None if it is not known."""
    recent: RecentChanges = no_recent_changes
    is_certified: bool = True
    """Whether there is a certificate of what the account's vendor does."""
    now: float = 0.0
    """Unix time, seconds."""
    show_time: Callable[[float], str] = str

    def cannot_clear(self, names: Sequence[str]) -> list[str]:
        """Those of the fields that cannot be emptied, as far as is known."""
        known = self.clearable() if names else None
        return [] if known is None else [name for name in names if name not in known]


def is_disconnected(status: str | None) -> bool:
    """Whether it is that of a product which is not in service any more, in letters of any case."""
    return status is not None and status.upper() == "DISCONNECTED"


def plan_row(
    row: ParsedRow, product: CustomerProduct | UnreadableProduct | None, policy: Policy
) -> PlannedRow:
    """The row with its before and after, or why it changes nothing."""
    if product is None:
        return _without_change(RowClass.PROBLEM, row, "no such product")
    if isinstance(product, UnreadableProduct):
        return _without_change(RowClass.PROBLEM, row, f"cannot be read: {product.problem}")
    if not (policy.rules.sets or row.has_wish):
        return _without_change(RowClass.NO_WISH, row, "", product)
    values = values_of(product)
    try:
        if not policy.rules.concern(values):
            return _without_change(RowClass.NOT_MEANT, row, "", product)
        if is_disconnected(product.status) and not policy.includes_disconnected:
            return _without_change(RowClass.DISCONNECTED, row, "", product)
        wanted = {**policy.rules.changes(values), **row.changes, **dict.fromkeys(row.clear)}
    except ExpressionError as exc:
        return _without_change(RowClass.PROBLEM, row, str(exc), product)
    changes = {name: value for name, value in wanted.items() if _differs(name, value, row, values)}
    if not changes:
        is_moved = "rate" not in {*row.changes, *row.clear} and policy.rules.move_rate(values)
        kind = RowClass.ROUNDED_AWAY if is_moved else RowClass.SAME
        return _without_change(kind, row, "", product)
    if fault := _rule_fault(row, changes):
        return _without_change(RowClass.PROBLEM, row, fault, product)
    if differing := _not_expected(row, values):
        return _without_change(RowClass.PROBLEM, row, differing, product)
    before = {name: as_json(values.get(name)) for name in changes}
    return _guarded(row, product, before, changes, policy)


def _rule_fault(row: ParsedRow, changes: Mapping[str, Any]) -> str:
    """Why a text that a rule would write is none; those of cells have been looked at."""
    for name, value in changes.items():
        if isinstance(value, str) and name not in row.changes:
            if says_clear(value):
                return f"the text {value} in {name} (in a rule null empties the field)"
            if fault := text_fault(value):
                return f"{fault} in {name}"
    return ""


def _differs(name: str, value: object, row: ParsedRow, values: Mapping[str, Any]) -> bool:
    if name not in values:
        # What a query does not show may be anything.
        return True
    is_unedited = isinstance(value, str) and row.expected.get(name) == value
    agree = _is_believed if is_unedited else values_agree
    return not agree(name, value, values[name])


def _is_believed(name: str, believed: object, current: object) -> bool:
    """Whether the product has what a cell says, which has neither blanks around it nor CRLF."""
    if isinstance(believed, str) and isinstance(current, str):
        return unescaped(current).strip() == believed
    return values_agree(name, believed, current)


def _not_expected(row: ParsedRow, values: Mapping[str, Any]) -> str:
    """The first field that is not what the row's author believes it to be; "" if all are."""
    for name, expected in row.expected.items():
        if not _is_believed(name, expected, current := values.get(name)):
            words = (_as_text(current), _as_text(expected))
            return f"{name}{NOT_EXPECTED}it is {words[0]}, not {words[1]}"
    return ""


def _as_text(value: object) -> str:
    return "empty" if value is None else str(as_json(value))


def _guarded(
    row: ParsedRow,
    product: CustomerProduct,
    before: Mapping[str, Any],
    changes: Mapping[str, Any],
    policy: Policy,
) -> PlannedRow:
    planned = PlannedRow(
        RowClass.CHANGE,
        row.line,
        row.id,
        before=before,
        after={name: as_json(value) for name, value in changes.items() if value is not None},
        clear=tuple(name for name, value in changes.items() if value is None),
        seen=_seen(product),
        cells=row.cells,
        sheet=row.sheet,
    )
    if uncleared := policy.cannot_clear(planned.clear):
        problem = f"the vendor's schema cannot empty {', '.join(uncleared)}"
        return _without_change(RowClass.PROBLEM, row, problem, product)
    try:
        job = planned.job(policy.account, "plan", "plan", None, 0)
    except InvalidJob as exc:
        return _without_change(RowClass.PROBLEM, row, "; ".join(exc.problems), product)
    after = job.changes() | dict.fromkeys(job.clear)
    breaches = policy.rails.row_breaches(product, after, policy.effective)
    recent = policy.recent(product.customer_product_id)
    breaches += policy.rails.repeat_breaches(recent, policy.now, policy.show_time)
    stopped = forbidden(breaches, policy.overrides)
    kind = RowClass.STOPPED if stopped else RowClass.CHANGE
    says = tuple(_in_words(rail, is_crossed=not stopped) for rail in (stopped or breaches))
    obstacle = undo_obstacle(planned, product, policy)
    if not (breaches or obstacle):
        return planned
    return replace(planned, kind=kind, says=says, not_undoable=obstacle)


def _in_words(breach: Breach, *, is_crossed: bool) -> str:
    """`is_crossed`: the row is planned even so, since somebody has named a reason."""
    needs = "crossed with a reason" if is_crossed else "needs an override"
    how = {Level.OVERRIDE: needs, Level.BLOCK: "not allowed"}
    return f"{breach.rail}: {breach.says}" + (
        f" ({how[breach.level]})" if breach.level in how else ""
    )


def _without_change(
    kind: RowClass, row: ParsedRow, says: str, product: CustomerProduct | None = None
) -> PlannedRow:
    return PlannedRow(
        kind,
        row.line,
        row.id,
        seen=_seen(product) if product else {},
        says=(says,) if says else (),
        cells=row.cells,
        sheet=row.sheet,
    )


def _seen(product: CustomerProduct) -> dict[str, Any]:
    known = {name: as_json(getattr(product, name)) for name in _SEEN}
    return {name: value for name, value in known.items() if value is not None}


def as_json(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """A field's value as it goes on the wire."""
    if isinstance(value, Decimal):
        return format(value or abs(value), "f")
    return value.isoformat() if isinstance(value, date) else value
