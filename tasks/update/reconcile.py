"""What became of an update that was sent and not answered: decided from what a query shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import Change

_NOT_READABLE = frozenset({"do_not_prorate"})


class Verdict(Enum):
    """What the product's values prove."""

    APPLIED = auto()
    NOT_APPLIED = auto()
    UNDECIDED = auto()


def judge(change: Change, record: CustomerProductRecord | None, *, shows_at_once: bool) -> Verdict:
    """Compare what was sent with what the product shows now.

    `shows_at_once`: whether a query after an update shows the new values; if not, old values prove
    nothing. A flag that a query does not return can be proved by the other fields only.
    """
    if record is None:
        return Verdict.UNDECIDED
    wanted = {name: value for name, value in change.values.items() if name not in _NOT_READABLE}
    wanted |= dict.fromkeys(change.clear - _NOT_READABLE)
    if not wanted:
        return Verdict.UNDECIDED
    if not differences(wanted, record):
        return Verdict.APPLIED
    return Verdict.NOT_APPLIED if shows_at_once else Verdict.UNDECIDED


def holds(change: Change, record: CustomerProductRecord) -> bool:
    """Whether the product provably is as the change would make it."""
    return judge(change, record, shows_at_once=True) is Verdict.APPLIED and not (
        change.values.keys() & _NOT_READABLE
    )


def differences(expected: Mapping[str, Any], record: CustomerProductRecord) -> dict[str, Any]:
    """The expected fields that do not hold, with the values found (JSON form)."""
    found: Mapping[str, Any] = record
    return {name: found[name] for name, value in expected.items() if not same(value, found[name])}


def same(value: object, found: object) -> bool:
    """Whether a contract value equals a record's, typed or in JSON form: 12.5 is "12.50"."""
    if isinstance(value, Decimal):
        return isinstance(found, str | Decimal) and Decimal(found) == value
    if isinstance(value, date):
        return found in {value, value.isoformat()}
    if value is None or value == "":
        # The vendor may give an emptied text back either way.
        return found is None or found == ""
    return type(found) is type(value) and found == value
