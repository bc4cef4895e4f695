"""Whether a row could be undone, found out before anybody approves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from campaigns.guard_rails.rails import Rails
from campaigns.rows.planned_row import PlannedRow
from revio_jobs import CustomerProduct
from revio_jobs.contracts import Expected

_READABLE = frozenset(Expected.model_fields)


class Possible(Protocol):
    """What can be written at all."""

    @property
    def rails(self) -> Rails: ...

    def cannot_clear(self, names: list[str]) -> list[str]:
        """Those of the fields that cannot be emptied."""


def undo_obstacle(row: PlannedRow, product: CustomerProduct, possible: Possible) -> str:
    """Why the values before could not be written again, in words that name no value; "" if they
    could. The row was planned, so its old values are such as an update can hold.
    """
    return "; ".join(_obstacles(row, product, possible))


def _obstacles(row: PlannedRow, product: CustomerProduct, possible: Possible) -> Iterator[str]:
    if unread := [name for name in (*row.after, *row.clear) if name not in _READABLE]:
        yield f"{', '.join(unread)} cannot be read, so it would stay"
    readable = {name: value for name, value in row.before.items() if name not in unread}
    empty = [name for name, value in readable.items() if value is None]
    if uncleared := possible.cannot_clear(empty):
        yield f"the vendor's schema cannot empty {', '.join(uncleared)}"
    if "rate" in readable:
        old = readable["rate"]
        yield from _stopped(row, product, None if old is None else Decimal(old), possible.rails)


@dataclass(frozen=True, slots=True)
class _Changed:
    """The product as the row would leave it; see the rails' Seen."""

    rate: Decimal | None
    quantity: int | None
    cost: Decimal | None
    billed_through_date: date | None


def _stopped(
    row: PlannedRow, product: CustomerProduct, old: Decimal | None, rails: Rails
) -> Iterator[str]:
    """The rails that would block the way back; those that a reason can override do not count."""
    rate = None if "rate" in row.clear else Decimal(row.after["rate"])
    changed = _Changed(rate, product.quantity, product.cost, None)
    if blocked := rails.blocking(changed, {"rate": old}):
        yield f"the guard rail {', '.join(sorted(blocked))} blocks the old rate"
