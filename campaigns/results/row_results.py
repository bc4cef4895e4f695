"""How the rows of a run have ended, as reports, retries and undo need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from campaigns.plan.plan_file import Header
from campaigns.plan.plan_row import PlanRow
from campaigns.plan.summary import Summary
from campaigns.run.state import Outcome, RunSpec
from campaigns.store import Desk
from campaigns.store.keys import ROWS_PER_CHUNK

GROUPS: Mapping[str, tuple[str, ...]] = {
    "succeeded": (Outcome.APPLIED, Outcome.ALREADY),
    "failed": (Outcome.FAILED, Outcome.DIFFERS),
    "drifted": (Outcome.DRIFTED, Outcome.SUPERSEDED),
    "unprocessed": ("",),
}
"""The files of a report, with the outcomes that are in each."""

TRANSIENT = frozenset({"Unavailable", "Throttled", "QuotaExhausted", "Retryable"})
"""Errors after which the same row may well succeed."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row and how it ended."""

    row: PlanRow
    outcome: str
    """See Outcome; "" when it was not processed."""
    at: int = 0
    """Unix time, seconds."""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The report's file."""
        return next(name for name, outcomes in GROUPS.items() if self.outcome in outcomes)

    @property
    def error(self) -> str:
        """The error's class, or ""."""
        return str(self.detail.get("error", ""))

    @property
    def says(self) -> str:
        """What there is to say, in words."""
        if found := self.detail.get("found"):
            return "found " + ", ".join(f"{name}={value}" for name, value in found.items())
        return str(self.detail.get("says", ""))

    @property
    def when(self) -> str:
        """ISO 8601, UTC."""
        return datetime.fromtimestamp(self.at, UTC).isoformat() if self.at else ""


def row_results(desk: Desk, spec: RunSpec) -> Iterator[RowResult]:
    """All rows in the plan's order, a chunk at a time."""
    for number, chunk in desk.chunks.every(desk.keys(spec.run), spec.rows):
        first = number * ROWS_PER_CHUNK
        outcomes = desk.outcomes(spec.run, number)
        details = desk.details(spec.run, outcomes)
        for index, row in enumerate(chunk, start=first):
            outcome, at = outcomes.get(index, ("", 0))
            yield RowResult(row, outcome, at, details.get(index, {}))


def header_of(spec: RunSpec) -> Header:
    """The plan's."""
    return Header.of(spec.facts["header"])


def summary_of(spec: RunSpec) -> Summary:
    """The plan's."""
    return Summary.of(spec.facts["summary"])
