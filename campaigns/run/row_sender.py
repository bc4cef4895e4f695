"""Reads the next rows' products again in full calls, and sends those that still are as planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaigns.rows.ended_row import EndedRow
from campaigns.run.backoff_reader import BackoffReader
from campaigns.run.leased_run import LeasedRun
from campaigns.run.row_end import end_unsent, refused, row_key
from campaigns.run.run_jobs import RunJobs
from campaigns.run.share import Allowance, FeederLimits
from campaigns.run.state import RunState, RunStep
from revio_jobs.contracts import CustomerProductRecord, UpdateJob
from revio_jobs.errors import InvalidJob
from tasks.ports import UnreadableRecord


class RowSender:
    """Sends the rows of one run. It keeps what it has read in memory; if lost, it reads again."""

    def __init__(
        self,
        leased: LeasedRun,
        *,
        jobs: RunJobs,
        reader: BackoffReader,
        allowance: Allowance,
        limits: FeederLimits,
        clock: Callable[[], float],
    ) -> None:
        self._leased = leased
        self._jobs = jobs
        self._reader = reader
        self._allowance = allowance
        self._limits = limits
        self._clock = clock
        self._read: dict[int, tuple[CustomerProductRecord, float]] = {}

    def step(self, state: RunState, slots: int) -> bool:
        """Read the next products, or send rows, with at most `slots` jobs in flight.

        Returns whether anything was recorded; False also while the reader backs off. Raises
        Unavailable if the store or the ledger cannot be asked, and LeaseLost if another feeder has
        taken over.
        """
        free = slots - len(state.in_flight)
        room = int(min(free, self._allowance.room(state.rate, self._clock())))
        if room <= 0:
            return False
        fresh = sorted(at for at in state.todo if self._is_fresh(at))
        if len(fresh) < room and self._read_ahead(state, fresh):
            return True
        return self._send(state, fresh[:room])

    def _is_fresh(self, at: int) -> bool:
        """Whether the row was read recently enough to be still fresh when the worker calls."""
        known = self._read.get(at)
        return known is not None and 0 <= self._clock() - known[1] < self._limits.fresh_s / 2

    def _read_ahead(self, state: RunState, fresh: Sequence[int]) -> bool:
        """Read the next rows in one call. Returns whether anything was recorded."""
        wanted = self._next_to_read(state, fresh)
        if not wanted:
            return False
        rows, read_at = self._leased.rows(wanted), self._clock()
        products = self._reader.read([rows[at].id for at in wanted])
        if products is None:
            return False
        self._allowance.spend_read()
        ended, todo = list[EndedRow](), dict[int, int]()
        for at in wanted:
            record = products.get(rows[at].id)
            if end := end_unsent(at, rows[at], record, read_at):
                ended.append(end)
            elif record is not None and not isinstance(record, UnreadableRecord):
                todo[at] = state.todo.get(at, 0)
                self._read[at] = (record, read_at)
        cursor = max(state.cursor, wanted[-1] + 1)
        return self._leased.note(RunStep(ended=ended, todo=todo, cursor=cursor, waits=""))

    def _next_to_read(self, state: RunState, fresh: Sequence[int]) -> list[int]:
        """Indexes of rows that were read too long ago, then of new ones in ascending order, so that
        the last one gives the cursor.
        """
        stale = sorted(state.todo.keys() - set(fresh))[: self._limits.ids_per_call]
        room = max(self._limits.ids_per_call - len(fresh) - len(stale), 0)
        return [*stale, *range(state.cursor, min(state.stage_ends, state.cursor + room))]

    def _send(self, state: RunState, indexes: Sequence[int]) -> bool:
        if not indexes:
            return False
        account, run = self._leased.account, self._leased.run
        rows, jobs, ended = self._leased.rows(indexes), dict[int, UpdateJob](), list[EndedRow]()
        for at in indexes:
            record, read_at = self._read.pop(at)
            key = row_key(run, rows[at].id, state.todo[at])
            try:
                jobs[at] = rows[at].job(account, run, key, record, read_at)
            except InvalidJob as exc:
                ended.append(refused(at, exc, self._clock()))
        sent = {at: state.todo[at] for at in jobs}
        self._leased.note(RunStep(ended=ended, sent=sent, waits=""))
        self._allowance.spend(len(jobs))
        if jobs:
            self._jobs.submit(jobs)
        return True
