"""How a run's rows have ended, for reports, retries and undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from campaigns.plan.plan_file import Header
from campaigns.plan.summary import Summary
from campaigns.rows.ended_row import RowOutcome
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.spec import RunSpec
from campaigns.store import OperatorStore
from campaigns.store.keys import ROWS_PER_CHUNK

GROUPS: Mapping[str, tuple[str, ...]] = {
    "succeeded": (RowOutcome.APPLIED, RowOutcome.ALREADY_DONE),
    "failed": (RowOutcome.FAILED, RowOutcome.DIFFERS),
    "drifted": (RowOutcome.DRIFTED, RowOutcome.SUPERSEDED),
    "unprocessed": ("",),
}
"""The files of a report, with the outcomes that are in each."""

TRANSIENT = frozenset({"Unavailable", "Throttled", "QuotaExhausted", "Retryable"})
"""Errors after which the same row may well succeed."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row and how it ended."""

    row: PlannedRow
    outcome: str
    """See RowOutcome; "" when it was not processed."""
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
        """The row's detail in words."""
        if actual := self.detail.get("found"):
            return "found " + ", ".join(f"{name}={value}" for name, value in actual.items())
        return str(self.detail.get("says", ""))

    @property
    def when(self) -> str:
        """ISO 8601, UTC."""
        return datetime.fromtimestamp(self.at, UTC).isoformat() if self.at else ""


def row_results(store: OperatorStore, spec: RunSpec) -> Iterator[RowResult]:
    """All rows in the plan's order, a chunk at a time."""
    for number, chunk in store.chunks.every(store.keys(spec.run), spec.rows):
        first = number * ROWS_PER_CHUNK
        outcomes = store.outcomes(spec.run, number)
        details = store.details(spec.run, outcomes)
        for index, row in enumerate(chunk, start=first):
            outcome, at = outcomes.get(index, ("", 0))
            yield RowResult(row, outcome, at, details.get(index, {}))


def some_failures(store: OperatorStore, spec: RunSpec, most: int) -> list[RowResult]:
    """Rows that have ended otherwise than planned, by their place; at most `most` of them."""
    indexes = store.rows_with_details(spec.run, most)
    rows, details = (
        store.chunks.rows(store.keys(spec.run), indexes),
        store.details(spec.run, indexes),
    )
    ended = {
        index: outcome
        for chunk in {index // ROWS_PER_CHUNK for index in indexes}
        for index, outcome in store.outcomes(spec.run, chunk).items()
    }
    results = [
        RowResult(rows[index], *ended.get(index, ("", 0)), details.get(index, {}))
        for index in indexes
    ]
    return [result for result in results if result.group in {"failed", "drifted"}]


def header_of(spec: RunSpec) -> Header:
    """The plan's."""
    return Header.of(spec.facts["header"])


def summary_of(spec: RunSpec) -> Summary:
    """The plan's."""
    return Summary.of(spec.facts["summary"])
