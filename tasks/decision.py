"""What a handler decides about the job it was given, and when a failed one is tried again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from revio_jobs.errors import (
    InvalidJob,
    QuotaExhausted,
    Retryable,
    RevioError,
    Throttled,
    Unauthorised,
    revive,
)

# How long a worker leaves a lane alone if Redis did not answer, or until it sees there that the
# account is closed.
_SHORT_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Done:
    """The job has ended."""

    outcome: Mapping[str, Any]
    """In the ledger's form: {"ok": result} or {"error": {"type", "args"}}."""

    @property
    def error(self) -> RevioError | None:
        """The error that the job ended with; None if it succeeded."""
        error = self.outcome.get("error")
        return revive(error["type"], error["args"]) if error else None


@dataclass(frozen=True, slots=True)
class Skip:
    """Drop this message: another worker has the job, or the ledger will deliver it again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Requeue:
    """No call may go out now: return the message to the front of its queue, no attempt spent."""

    seconds: float
    """How long the lane will stay closed."""
    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The call failed and changed nothing: deliver the message again after a delay."""

    seconds: float
    reason: str


Decision = Done | Skip | Requeue | Retry


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter and a cap, limited by attempts and by time.

    Full jitter as in Brooker, "Exponential Backoff And Jitter" (2015): uniform between 0 and the
    exponential bound, so that jobs that failed together do not come back together.
    """

    first_s: float = 1.0
    """The longest delay after the first attempt; each later bound is twice the one before."""
    cap_s: float = 300.0
    """The longest delay of all."""
    max_attempts: int = 10
    """The job ends after this many failed attempts."""
    max_crashes: int = 8
    """A job during which this many workers in a row have died is not given to another one."""
    deadline_s: float = 3600.0
    """The longest time that attempts and backoff may take together, from the first attempt on."""

    def delay(
        self, attempt: int, spent_s: float, chance: random.Random, *, by_attempts: bool = True
    ) -> float | None:
        """Seconds from attempt number `attempt` (1 is the first) to the next, or None to give up.

        `spent_s`: time since the first attempt, without waits that are not backoff.
        `by_attempts`: whether the number of attempts is limited, or the time alone.
        """
        bound = min(self.cap_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        delay = chance.uniform(0.0, bound)
        is_spent = by_attempts and attempt >= self.max_attempts
        return None if is_spent or spent_s + delay > self.deadline_s else delay


def requeue(error: Retryable | Unauthorised, now: float) -> Requeue:
    """The decision if `error` kept the job's call from going out. `now`: Unix time, seconds."""
    match error:
        case Throttled():
            return Requeue(error.retry_after, str(error))
        case QuotaExhausted():
            return Requeue(max(error.until - now, 0.0), str(error))
        case _:
            return Requeue(_SHORT_PAUSE_S, str(error))


def succeeded(result: Mapping[str, Any]) -> Done:
    """The job ended with this result (JSON values)."""
    return Done({"ok": dict(result)})


def failed(error: RevioError) -> Done:
    """The job ended with this error."""
    return Done({"error": {"type": type(error).__name__, "args": list(error.args)}})


def unknown_account(account: str, known: Mapping[str, object]) -> InvalidJob:
    """The error of a job whose account is not among the configured ones."""
    return InvalidJob([f"account: {account!r} is not configured; known are {', '.join(known)}"])
