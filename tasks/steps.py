"""What a handler decides about a job it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from revio_jobs.errors import RevioError, revive


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

    reason: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The call failed and changed nothing: the message comes again a little later."""

    seconds: float
    reason: str


Step = Done | StandAside | PutBack | TryAgain


def succeeded(result: Mapping[str, Any]) -> Done:
    """The job ended with this result (JSON values)."""
    return Done({"ok": dict(result)})


def failed(error: RevioError) -> Done:
    """The job ended with this error."""
    return Done({"error": {"type": type(error).__name__, "args": list(error.args)}})
