"""What a handler decides about a job it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from revio_jobs.errors import QuotaExhausted, Retryable, RevioError, Throttled, revive


@dataclass(frozen=True, slots=True)
class Done:
    """The job has ended. In the ledger's form: {"ok": result} or {"error": {"type", "args"}}."""

    outcome: Mapping[str, Any]

    @property
    def error(self) -> RevioError | None:
        """The error that the job ended with."""
        error = self.outcome.get("error")
        return revive(error["type"], error["args"]) if error else None


@dataclass(frozen=True, slots=True)
class StandAside:
    """Nothing to do for this message: another has the job, or it will come again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """No call may go out now: the message goes back to the front of its queue."""

    seconds: float
    """How long that will last."""
    reason: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The call failed and changed nothing: the message comes again a little later."""

    seconds: float
    reason: str


Step = Done | StandAside | PutBack | TryAgain


# How long a worker leaves a lane alone when Redis could not tell it what to do.
_REDIS_REST_S = 2.0


def put_back(error: Retryable, now: float) -> PutBack:
    """For a job that did not come to its call. `now` is Unix time, seconds."""
    match error:
        case Throttled():
            return PutBack(error.retry_after, str(error))
        case QuotaExhausted():
            return PutBack(max(error.until - now, 0.0), str(error))
        case _:
            return PutBack(_REDIS_REST_S, str(error))


def succeeded(result: Mapping[str, Any]) -> Done:
    """The job ended with this result (JSON values)."""
    return Done({"ok": dict(result)})


def failed(error: RevioError) -> Done:
    """The job ended with this error."""
    return Done({"error": {"type": type(error).__name__, "args": list(error.args)}})
