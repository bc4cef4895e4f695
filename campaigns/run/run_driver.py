"""What one run needs next: collect, read and send, read back, begin the next stage, halt, end."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.rows.ended_row import RowOutcome
from campaigns.run.backoff_reader import BackoffReader
from campaigns.run.leased_run import LeasedRun
from campaigns.run.ports import Jobs
from campaigns.run.row_sender import RowSender
from campaigns.run.run_jobs import RunJobs
from campaigns.run.share import Allowance, FeederLimits
from campaigns.run.stage_check import StageCheck
from campaigns.run.state import Phase, RunState, RunStep, Status

# Enough to collect, read and send; what remains is for the next round.
_STEPS_A_ROUND = 4


class RunDriver:
    """Carries one run forward. All that it knows besides the recorded state may be lost."""

    def __init__(
        self,
        leased: LeasedRun,
        *,
        jobs: Jobs,
        reader: BackoffReader,
        limits: FeederLimits,
        clock: Callable[[], float],
    ) -> None:
        self._leased = leased
        self._reader = reader
        self._limits = limits
        self._clock = clock
        self._jobs = RunJobs(leased, jobs, clock)
        allowance = Allowance(clock())
        self._sender = RowSender(
            leased,
            jobs=self._jobs,
            reader=reader,
            allowance=allowance,
            limits=limits,
            clock=clock,
        )
        self._check = StageCheck(allowance, limits.read_back_patience_s)

    def advance(self, state: RunState, slots: int, lane_closed: str) -> None:
        """Do one round; each step starts from the state that the previous one has recorded.

        `slots`: jobs that may be in flight. `lane_closed`: why nothing may be sent; "" if it may.
        Raises Unavailable, and LeaseLost if another feeder has taken over.
        """
        now: RunState | None = state
        for _ in range(_STEPS_A_ROUND):
            if now is None or not self._step(now, slots, lane_closed):
                return
            now = self._leased.load()

    def _step(self, state: RunState, slots: int, lane_closed: str) -> bool:
        """Do at most one thing. Returns whether there may be another one to do in this round."""
        if self._leased.note(self._jobs.collect(state)):
            return True
        if state.status is Status.CANCELLED and not state.in_flight:
            return self._stop(Status.CANCELLED, state.reason)
        if lane_closed and (state.status is Status.RUNNING or state.in_flight):
            self._leased.note_wait(state, lane_closed)
            return False
        if state.status is not Status.RUNNING:
            self._leased.note_wait(state, "")
            return False
        if reason := state.halt_reason(at_stage_end=False):
            return self._stop(Status.HALTED, reason)
        if state.phase is Phase.CHECKING:
            return self._read_back(state)
        if state.cursor == state.stage_ends and not state.todo and not state.in_flight:
            return self._end_feeding(state)
        return self._feed(state, slots)

    def _feed(self, state: RunState, slots: int) -> bool:
        why = state.spec.not_yet(self._clock())
        if not why:
            if self._sender.step(state, slots):
                return True
            why = self._reader.backing_off
        if why:
            self._leased.note_wait(state, why)
        return False

    def _end_feeding(self, state: RunState) -> bool:
        if reason := state.halt_reason(at_stage_end=True):
            return self._stop(Status.HALTED, reason)
        checking = RunStep(phase=Phase.CHECKING, checked=state.stage_begins, waits="")
        return self._leased.note(checking)

    def _read_back(self, state: RunState) -> bool:
        if state.checked == state.stage_ends:
            return self._end_stage(state)
        ids_per_call = self._limits.ids_per_call
        progress = self._check.step(state, self._leased, self._reader, ids_per_call, self._clock())
        if progress is None and self._reader.backing_off:
            self._leased.note_wait(state, self._reader.backing_off)
        return self._leased.note(progress or RunStep())

    def _end_stage(self, state: RunState) -> bool:
        if (differing := state.ended(RowOutcome.DIFFERS)) > state.spec.halt.differences:
            says = f"{differing} rows read back otherwise than planned"
            return self._stop(Status.HALTED, says)
        if state.is_last_stage:
            return self._stop(Status.DONE, "")
        return self._leased.note(RunStep(phase=Phase.FEEDING, stage=state.stage + 1))

    def _stop(self, status: Status, reason: str) -> bool:
        """Returns False: there is nothing more to do in this round."""
        self._leased.stop(status, reason)
        return False
