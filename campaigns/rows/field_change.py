"""What changes of a product, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaigns.rows.planned_row import PlannedRow
from revio_jobs.contracts import CHANGE_NAMES, Expected

EMPTY = "(empty)"
UNKNOWN = "(unknown)"
"""Stands for the value of a field that cannot be read."""
_READABLE = frozenset(Expected.model_fields)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Decimal, int, bool or text; EMPTY and UNKNOWN stand where there is no value."""

    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.name} {_text(self.old)} → {_text(self.new)}"


def changes_of(row: PlannedRow) -> Iterator[FieldChange]:
    """All of the row, in the contract's order."""
    for name in CHANGE_NAMES:
        if name in row.clear:
            yield FieldChange(name, _value(name, row.before.get(name)), EMPTY)
        elif name in row.after:
            old = _value(name, row.before.get(name)) if name in _READABLE else UNKNOWN
            yield FieldChange(name, old, _value(name, row.after[name]))


def in_words(row: PlannedRow) -> str:
    """All changes of the row in one line."""
    return "; ".join(map(str, changes_of(row)))


def plain(amount: Decimal) -> Decimal:
    """Money with two decimals, or as many as it needs."""
    cents = amount.quantize(Decimal("0.01"))
    return cents if cents == amount else amount.normalize()


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if value is None or value == "":
        return EMPTY
    return plain(Decimal(value)) if name == "rate" else value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
