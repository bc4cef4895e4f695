"""The ports through which a feeder works: the runs' store, the jobs, the vendor's products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from campaigns.rows.planned_row import PlannedRow
from campaigns.run.state import RunState, RunStep, Status
from revio_jobs.contracts import CustomerProductRecord, UpdateJob
from tasks.ports import UnreadableRecord


class Runs(Protocol):
    """The runs' state. Every method raises Unavailable; those with a token LeaseLost."""

    def lease(self, account: str, token: str) -> bool:
        """Take or renew the feeder's lease. Returns False if another feeder holds it."""

    def release(self, account: str, token: str) -> None:
        """Let another feeder work at once."""

    def active(self, account: str) -> list[str]:
        """Runs that have not ended."""

    def load(self, account: str, run: str) -> RunState | None:
        """The recorded state; None if the run has gone."""

    def rows(self, account: str, run: str, indexes: Iterable[int]) -> dict[int, PlannedRow]:
        """Those rows of the plan."""

    def outcomes(self, account: str, run: str, first: int, end: int) -> dict[int, str]:
        """Outcomes by row index, of the rows from `first` up to `end` that have ended."""

    def record(self, account: str, run: str, token: str, step: RunStep) -> None:
        """Record the step as a whole or not at all. A row ends once; a second end does nothing."""

    def stop(self, account: str, run: str, token: str, status: Status, reason: str) -> None:
        """Halt or end the run, if it is running or was cancelled."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What became of a job: a result, or an error by class name and words."""

    result: Mapping[str, Any] | None = None
    error: str = ""
    says: str = ""


class Jobs(Protocol):
    """Submits update jobs to the bulk lane. Raises Unavailable."""

    def submit(self, jobs: Sequence[UpdateJob]) -> dict[str, JobEnd | None]:
        """Submit jobs, or find those already submitted under the same keys.

        Returns their ends by idempotency key; None for a job that has not ended.
        """

    def answers(self, account: str, keys: Sequence[str]) -> dict[str, JobEnd]:
        """The ends of those jobs that have ended, by key."""


class Products(Protocol):
    """Reads products of one account: one vendor call, on the bulk lane."""

    def read(self, ids: Sequence[int]) -> Mapping[int, CustomerProductRecord | UnreadableRecord]:
        """The existing products by id, or why one cannot be read. Raises Retryable or Permanent."""
