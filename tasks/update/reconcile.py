"""Decides from a product's values what became of an update that was sent and not answered."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.contracts.product_fields import PRODUCT_FIELDS, values_agree
from tasks.ports import Change

_NOT_READABLE = frozenset(name for name, field in PRODUCT_FIELDS.items() if not field.is_readable)


class UpdateFate(Enum):
    """What the product's values prove about an update that was sent."""

    APPLIED = auto()
    NOT_APPLIED = auto()
    UNDECIDED = auto()


def judge(
    change: Change, record: CustomerProductRecord | None, *, shows_at_once: bool
) -> UpdateFate:
    """Compare what was sent with what the product shows now.

    `shows_at_once`: whether a query right after an update shows the new values; if not, old values
    prove nothing. A flag that queries do not return is proved by the other fields, or not at all.
    """
    if record is None:
        return UpdateFate.UNDECIDED
    wanted = {name: value for name, value in change.values.items() if name not in _NOT_READABLE}
    wanted |= dict.fromkeys(change.clear - _NOT_READABLE)
    if not wanted:
        return UpdateFate.UNDECIDED
    if not differences(wanted, record):
        return UpdateFate.APPLIED
    return UpdateFate.NOT_APPLIED if shows_at_once else UpdateFate.UNDECIDED


def is_already_applied(change: Change, record: CustomerProductRecord) -> bool:
    """Whether the product provably has the values that the change would give it."""
    return judge(change, record, shows_at_once=True) is UpdateFate.APPLIED and not (
        change.values.keys() & _NOT_READABLE
    )


def differences(expected: Mapping[str, Any], record: CustomerProductRecord) -> dict[str, Any]:
    """The fields that differ from their expected values, with the record's (JSON form)."""
    actual: Mapping[str, Any] = record
    return {
        name: actual[name]
        for name, value in expected.items()
        if not values_agree(name, value, actual[name])
    }
