"""A planned row: the change of one product, what was read of it, and its job."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from revio_jobs.contracts import CampaignRow, CustomerProductRecord, Expected, UpdateJob
from revio_jobs.contracts.decode import decode
from tasks.update.reconcile import differences

_READABLE = frozenset(Expected.model_fields)
_VENDOR_DECIMALS = 4


class RowClass(StrEnum):
    """What planning made of an input row."""

    CHANGE = "change"
    SAME = "same"
    """The product is already as wanted."""
    ROUNDED_AWAY = "rounded away"
    """A rule moves its rate, and rounding brings the old one back."""
    NO_WISH = "no wish"
    """Its cells ask for nothing."""
    REPEATED = "repeated"
    """An earlier row says the same."""
    NOT_MEANT = "not meant"
    """The filter left it out."""
    DISCONNECTED = "disconnected"
    LEFT_OUT = "left out"
    """A person took it out of an earlier plan, from which this one was made."""
    UNTOUCHED = "left alone"
    """Undo: it was edited since."""
    STOPPED = "stopped"
    """A guard rail forbids it."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row of a plan, with JSON values by contract name, as in the plan file and in Redis."""

    kind: RowClass
    line: int
    """The row's line in the price list; 0 if it came from rules alone."""
    id: int
    """The customer product's id; 0 for a row that has none."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """The fields that change, with the values that were read."""
    after: Mapping[str, Any] = field(default_factory=dict)
    """The fields that change, with their new values."""
    clear: tuple[str, ...] = ()
    """The fields to empty."""
    seen: Mapping[str, Any] = field(default_factory=dict)
    """What else was read, for guard rails and reports."""
    says: tuple[str, ...] = ()
    """Warnings of guard rails, or why the row does not change anything."""
    cells: tuple[str, ...] = ()
    """The row as it stood in the price list, for files that go back to people."""
    not_undoable: str = ""
    """Why an undo could not put everything back, as far as is known; "" if it could."""
    sheet: str = ""
    """The row's sheet, if the plan has rows of several."""

    def document(self) -> dict[str, Any]:
        """A line of the plan file; what is empty is left out."""
        given = {
            "line": self.line,
            "before": dict(self.before),
            "after": dict(self.after),
            "clear": list(self.clear),
            "seen": dict(self.seen),
            "says": list(self.says),
            "cells": list(self.cells),
            "not_undoable": self.not_undoable,
            "sheet": self.sheet,
        }
        return {"id": self.id, "class": self.kind.value} | {
            name: value for name, value in given.items() if value
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> PlannedRow:
        """From `document`."""
        return cls(
            RowClass(document["class"]),
            document.get("line", 0),
            document["id"],
            document.get("before", {}),
            document.get("after", {}),
            tuple(document.get("clear", ())),
            document.get("seen", {}),
            tuple(document.get("says", ())),
            tuple(document.get("cells", ())),
            document.get("not_undoable", ""),
            document.get("sheet", ""),
        )

    def job(
        self, account: str, run: str, key: str, record: CustomerProductRecord | None, read_at: float
    ) -> UpdateJob:
        """The row's update; `record` is what was read at `read_at` (Unix time), if it was read.

        What the job means follows from the row alone, so that a repeat under the same key is the
        same job. Raises InvalidJob.
        """
        return decode(
            UpdateJob,
            {
                "account": account,
                "id": self.id,
                "idempotency_key": key,
                **self.after,
                **({"clear": self.clear} if self.clear else {}),
                "expected": self._expected(),
                "campaign": _read_for(run, record, read_at),
            },
        )

    def drift(self, record: CustomerProductRecord) -> dict[str, Any]:
        """The before-values that no longer hold, with what the record has instead."""
        return differences(Expected.model_validate(self._expected()).named(), record)

    def is_done(self, record: CustomerProductRecord) -> bool:
        """Whether the product is as the row wants it, which a query must show of all fields."""
        return self._is_readable and not self.unapplied(record)

    def unapplied(self, record: CustomerProductRecord) -> dict[str, Any]:
        """The after-values that the product does not have, with what the record has instead."""
        wanted = {name: value for name, value in self.after.items() if name in _READABLE}
        emptied = dict.fromkeys(name for name in self.clear if name in _READABLE)
        return differences(Expected.model_validate(wanted).named() | emptied, record)

    def would_be_done(self, found: Mapping[str, Any]) -> bool:
        """As `is_done`, given only the expected fields that did not hold."""
        known = {**self.before, **found}
        unread = dict.fromkeys(name for name in (*self.after, *self.clear) if name not in known)
        return self.is_done({**unread, **known})  # type: ignore[typeddict-item]

    @property
    def _is_readable(self) -> bool:
        """Whether a query shows all that it changes."""
        return _READABLE.issuperset((*self.after, *self.clear))

    def _expected(self) -> dict[str, Any]:
        expected = {
            name: _exact(value) if name == "rate" else value
            for name, value in self.before.items()
            if name in _READABLE
        }
        return {**expected, "status": self.seen.get("status")}


def _read_for(run: str, record: CustomerProductRecord | None, read_at: float) -> CampaignRow:
    """The reading for the worker; without it, it reads again, which can hold whatever comes."""
    if record is not None:
        names = ("rate", "quantity", "cost", "billed_through_date")
        reading = {name: record[name] for name in names}  # type: ignore[literal-required]
        with suppress(ValidationError):
            return CampaignRow.model_validate({"run": run, "read_at": read_at, **reading})
    return CampaignRow(run=run)


def _exact(rate: str | None) -> str | None:
    """Drop zeros beyond the contract's decimals; it refuses other digits there."""
    if rate is None:
        return None
    amount = Decimal(rate)
    if -int(amount.as_tuple().exponent) <= _VENDOR_DECIMALS:
        return rate
    return format(amount.normalize(), "f")
