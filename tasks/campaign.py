"""Carries a campaign's run forward: collect, compare, feed a small window, check, halt, end.

One feeder an account works at a time. Everything it must remember is recorded before it acts: a
row is noted as sent before its job is submitted, and its key follows from run and product. So
whoever takes over submits the noted rows again, which makes no second job, and goes on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from revio_jobs.contracts import CustomerProductRecord
from tasks.campaign_check import StageCheck
from tasks.campaign_ending import end_unsent, ending, row_key
from tasks.campaign_halt import too_bad
from tasks.campaign_rest import VendorRest
from tasks.campaign_row import Row
from tasks.campaign_run import (
    Answered,
    EndedRow,
    Jobs,
    Outcome,
    Phase,
    Products,
    Progress,
    Runs,
    RunState,
    Status,
)
from tasks.campaign_share import Allowance, shares
from tasks.errors import Permanent, Retryable, Unavailable, Withdrawn
from tasks.ports import LeaseLost

_log = structlog.get_logger(__name__)

# A job that nobody has heard of for so long is submitted again: it may have been lost.
_ASK_AGAIN_S = 30.0
# Enough to collect, read and send; what remains is for the next round.
_STEPS_A_ROUND = 4


@dataclass(frozen=True, slots=True)
class FeederLimits:
    """How much of a campaign is under way at a time."""

    window: int = 100
    """Jobs in the queue, over all runs of the account."""
    ids_per_call: int = 200
    fresh_s: float = 60.0
    """How long a product's values count as just read."""
    read_back_patience_s: float = 5.0
    """How long a query may lag behind a change."""


@dataclass
class _Memory:
    """What a feeder knows beside the recorded state; it may be lost."""

    allowance: Allowance
    check: StageCheck
    read: dict[int, tuple[CustomerProductRecord, float]] = field(default_factory=dict)
    asked_at: dict[int, float] = field(default_factory=dict)


class CampaignFeeder:
    """Feeds the runs of one account."""

    def __init__(
        self,
        account: str,
        *,
        runs: Runs,
        jobs: Jobs,
        products: Products,
        limits: FeederLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._runs = runs
        self._jobs = jobs
        self._products = products
        self._limits = limits
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._memories: dict[str, _Memory] = {}
        self._rest = VendorRest()

    def step(self) -> list[RunState] | None:
        """One round over all runs; their states as it found them. None: another feeder works.

        Raises Unavailable.
        """
        if not self._runs.lease(self._account, self._token):
            self._memories.clear()
            return None
        names = self._runs.active(self._account)
        states = [each for run in names if (each := self._runs.load(self._account, run))]
        self._memories = {run: each for run, each in self._memories.items() if run in names}
        slots = shares(states, self._limits.window, self._clock())
        for state in states:
            self._guarded(state, slots[state.spec.run])
        return states

    def release(self) -> None:
        """This feeder ends; another one can go on at once. Raises Unavailable."""
        self._runs.release(self._account, self._token)

    def _guarded(self, state: RunState, slots: int) -> None:
        try:
            self._tend(state, slots)
        except LeaseLost:
            self._memories.clear()
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001
            # One run's fault must not stop the others; nothing is half done, so it is tried again.
            _log.exception("campaign_step_failed", run=state.spec.run)
            self._memories.pop(state.spec.run, None)

    def _memory(self, run: str) -> _Memory:
        if run not in self._memories:
            check = StageCheck(self._limits.read_back_patience_s)
            self._memories[run] = _Memory(Allowance(self._clock()), check)
        return self._memories[run]

    def _tend(self, state: RunState, slots: int) -> None:
        """Collect, read and send in one round, each from the state that the one before recorded."""
        now: RunState | None = state
        for _ in range(_STEPS_A_ROUND):
            if now is None or not self._advance(now, slots):
                return
            now = self._runs.load(self._account, state.spec.run)

    def _advance(self, state: RunState, slots: int) -> bool:
        """One thing; whether it may have changed the state."""
        memory = self._memory(state.spec.run)
        if self._collect(state, memory):
            return True
        if state.status is Status.CANCELLED and not state.in_flight:
            return self._stop(state, Status.CANCELLED, state.reason)
        if state.status is not Status.RUNNING:
            return False
        if reason := too_bad(state, at_stage_end=False):
            return self._stop(state, Status.HALTED, reason)
        if state.phase is Phase.CHECKING:
            return self._check(state, memory)
        if state.cursor == state.stage_ends and not state.todo and not state.in_flight:
            return self._end_feeding(state)
        return self._feed(state, memory, slots)

    def _collect(self, state: RunState, memory: _Memory) -> bool:
        """Note what has ended; whether anything had."""
        if not state.in_flight:
            return False
        rows = self._runs.rows(self._account, state.spec.run, state.in_flight)
        keys = {
            row_key(state.spec.run, rows[at].id, number): at
            for at, number in state.in_flight.items()
        }
        answers = self._answers(state, memory, rows, keys)
        ended, back = list[EndedRow](), dict[int, int]()
        for key, answer in answers.items():
            at = keys[key]
            memory.asked_at.pop(at, None)
            if answer.error == Withdrawn.__name__:
                back[at] = state.in_flight[at] + 1
            else:
                ended.append(ending(at, answer, rows[at], self._clock()))
        return self._record(state, Progress(ended=ended, todo=back))

    def _answers(
        self, state: RunState, memory: _Memory, rows: Mapping[int, Row], keys: Mapping[str, int]
    ) -> dict[str, Answered]:
        """Of those keys the ones that have ended; the others are submitted again now and then."""
        known = self._jobs.answers(self._account, list(keys))
        now, run = self._clock(), state.spec.run
        late = [
            (key, at)
            for key, at in keys.items()
            if key not in known and now - memory.asked_at.get(at, 0.0) > _ASK_AGAIN_S
        ]
        if late:
            memory.asked_at |= {at: now for _, at in late}
            jobs = [rows[at].job(self._account, run, key, None, 0) for key, at in late]
            known |= {key: each for key, each in self._jobs.submit(jobs).items() if each}
        return known

    def _feed(self, state: RunState, memory: _Memory, slots: int) -> bool:
        now = self._clock()
        if waits := state.spec.not_yet(now):
            self._wait(state, waits)
            return False
        free = slots - len(state.in_flight)
        room = int(min(free, memory.allowance.room(state.rate, now)))
        if room <= 0:
            return False
        fresh = sorted(at for at in state.todo if self._is_fresh(memory, at))
        if len(fresh) < room and self._read_ahead(state, memory, fresh):
            return True
        return self._send(state, memory, fresh[:room])

    def _is_fresh(self, memory: _Memory, at: int) -> bool:
        """Young enough to be still fresh when the worker calls."""
        known = memory.read.get(at)
        return known is not None and self._clock() - known[1] < self._limits.fresh_s / 2

    def _read_ahead(self, state: RunState, memory: _Memory, fresh: list[int]) -> bool:
        """Read the next rows in one call, those first that were read too long ago.

        Whether anything was noted.
        """
        wanted = self._next_to_read(state, fresh)
        if not wanted:
            return False
        rows = self._runs.rows(self._account, state.spec.run, wanted)
        read_at = self._clock()
        found = self._read(state, [rows[at].id for at in wanted])
        if found is None:
            return False
        ended, todo = list[EndedRow](), dict[int, int]()
        for at in wanted:
            record = found.get(rows[at].id)
            if end := end_unsent(at, rows[at], record, read_at):
                ended.append(end)
            elif record is not None:
                todo[at] = state.todo.get(at, 0)
                memory.read[at] = (record, read_at)
        cursor = max(state.cursor, wanted[-1] + 1)
        return self._record(state, Progress(ended=ended, todo=todo, cursor=cursor, waits=""))

    def _next_to_read(self, state: RunState, fresh: list[int]) -> list[int]:
        """In order, so that the cursor follows from the last."""
        stale = sorted(state.todo.keys() - set(fresh))[: self._limits.ids_per_call]
        room = max(self._limits.ids_per_call - len(fresh) - len(stale), 0)
        return [*stale, *range(state.cursor, min(state.stage_ends, state.cursor + room))]

    def _read(self, state: RunState, ids: Sequence[int]) -> dict[int, CustomerProductRecord] | None:
        """None: they cannot be read now, and the run says why."""
        if not self._rest.is_over(self._clock()):
            return None
        try:
            found = self._products.read(ids)
        except (Retryable, Permanent) as exc:
            self._wait(state, self._rest.after(exc, self._clock()))
            return None
        self._rest = VendorRest()
        return found

    def _send(self, state: RunState, memory: _Memory, indexes: list[int]) -> bool:
        if not indexes:
            return False
        rows = self._runs.rows(self._account, state.spec.run, indexes)
        jobs = []
        for at in indexes:
            record, read_at = memory.read.pop(at)
            key = row_key(state.spec.run, rows[at].id, state.todo[at])
            jobs.append(rows[at].job(self._account, state.spec.run, key, record, read_at))
            memory.asked_at[at] = self._clock()
        self._record(state, Progress(sent={at: state.todo[at] for at in indexes}))
        memory.allowance.spend(len(jobs))
        self._jobs.submit(jobs)
        return True

    def _end_feeding(self, state: RunState) -> bool:
        if reason := too_bad(state, at_stage_end=True):
            return self._stop(state, Status.HALTED, reason)
        return self._record(state, Progress(phase=Phase.CHECKING, checked=state.stage_begins))

    def _check(self, state: RunState, memory: _Memory) -> bool:
        if state.checked < state.stage_ends:
            progress = memory.check.step(
                state,
                self._runs,
                lambda ids: self._read(state, ids),
                self._limits.ids_per_call,
                self._clock(),
            )
            return self._record(state, progress or Progress())
        if (differing := state.ended(Outcome.DIFFERS)) > state.spec.halt.differences:
            says = f"{differing} rows read back otherwise than planned"
            return self._stop(state, Status.HALTED, says)
        if state.is_last_stage:
            return self._stop(state, Status.DONE, "")
        return self._record(state, Progress(phase=Phase.FEEDING, stage=state.stage + 1))

    def _wait(self, state: RunState, why: str) -> None:
        if why != state.waits:
            self._record(state, Progress(waits=why))

    def _record(self, state: RunState, progress: Progress) -> bool:
        """Whether there was anything to record."""
        if progress:
            self._runs.record(self._account, state.spec.run, self._token, progress)
        return bool(progress)

    def _stop(self, state: RunState, status: Status, reason: str) -> bool:
        self._runs.stop(self._account, state.spec.run, self._token, status, reason)
        _log.info("campaign_stopped", run=state.spec.run, status=status.value, reason=reason)
        return True
