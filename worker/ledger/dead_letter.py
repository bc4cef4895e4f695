"""What is kept of a job that failed for good, for a person to look at and perhaps to retry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from revio_jobs.contracts import Lane
from revio_jobs.errors import RevioError

# Its campaign sends the row again by itself.
_NO_FAILURES = frozenset({"Withdrawn"})


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed."""

    at: float
    """Unix time, seconds."""
    says: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that failed for good."""

    account: str
    job_id: str
    payload: Mapping[str, Any]
    """The job's Celery kwargs."""
    lane: Lane
    sequence: int | None
    """Its place in the order of submissions; None if it was never accepted."""
    accepted_at: float
    """Unix time, seconds."""
    failed_at: float
    attempts: int
    error: RevioError
    history: tuple[Failure, ...] = ()
    """The attempts before the last, oldest first."""

    @property
    def product_id(self) -> int:
        """The customer product that it was to change."""
        return int(self.payload["id"])

    @property
    def key(self) -> str | None:
        """Its idempotency key; a raw message may have had none."""
        return self.payload.get("idempotency_key")

    @property
    def campaign(self) -> str | None:
        """The campaign's run that it was a row of."""
        row = self.payload.get("campaign")
        return str(row["run"]) if row else None


def leaves_dead_letter(outcome: Mapping[str, Any]) -> bool:
    """Whether a job that ended so failed."""
    error = outcome.get("error")
    return error is not None and error["type"] not in _NO_FAILURES
