"""One run as its feeder reads it and notes what it does, under the feeder's lease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from campaigns.rows.planned_row import PlannedRow
from campaigns.run.ports import Runs
from campaigns.run.state import RunState, RunStep, Status

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeasedRun:
    """One run under the feeder's lease.

    Every method raises Unavailable; those that write raise LeaseLost if another feeder took over.
    """

    runs: Runs
    account: str
    run: str
    token: str
    """The lease's token."""

    def load(self) -> RunState | None:
        """The recorded state; None if the run has gone."""
        return self.runs.load(self.account, self.run)

    def rows(self, indexes: Iterable[int]) -> dict[int, PlannedRow]:
        """Those rows of the plan."""
        return self.runs.rows(self.account, self.run, indexes)

    def outcomes(self, first: int, end: int) -> dict[int, str]:
        """Outcomes by row index, of the rows from `first` up to `end` that have ended."""
        return self.runs.outcomes(self.account, self.run, first, end)

    def note(self, progress: RunStep) -> bool:
        """Record the step, unless it is empty. Returns whether anything was recorded."""
        if progress:
            self.runs.record(self.account, self.run, self.token, progress)
        return bool(progress)

    def note_wait(self, state: RunState, why: str) -> None:
        """Record why nothing is sent, unless it is recorded already."""
        if why != state.waits:
            self.note(RunStep(waits=why))

    def stop(self, status: Status, reason: str) -> None:
        """Halt or end the run."""
        self.runs.stop(self.account, self.run, self.token, status, reason)
        _log.info("campaign_stopped", run=self.run, status=status.value, reason=reason)
        if status is Status.HALTED:
            fix = "revio campaign watch shows why; then resume or cancel the run"
            _log.error("campaign_halted", run=self.run, reason=reason, fix=fix)
