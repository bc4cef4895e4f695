"""A run's jobs under way: submitted, asked for, and submitted again after a long silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from campaigns.rows.ended_row import EndedRow
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.leased_run import LeasedRun
from campaigns.run.ports import JobEnd, Jobs
from campaigns.run.row_end import ending, row_key
from campaigns.run.state import RunState, RunStep
from revio_jobs.contracts import UpdateJob
from revio_jobs.errors import Withdrawn

# A job without an outcome for so long is submitted again: it may have been lost.
_ASK_AGAIN_S = 30.0


class RunJobs:
    """The jobs of one run. When each was last asked for is kept in memory alone."""

    def __init__(self, leased: LeasedRun, jobs: Jobs, clock: Callable[[], float]) -> None:
        self._leased = leased
        self._jobs = jobs
        self._clock = clock
        self._asked_at: dict[int, float] = {}

    def submit(self, jobs: Mapping[int, UpdateJob]) -> dict[str, JobEnd]:
        """Submit jobs by row index, which must have been recorded as sent before.

        Returns the ends of those that have ended already, by key. Raises Unavailable.
        """
        self._asked_at |= dict.fromkeys(jobs, self._clock())
        answers = self._jobs.submit(list(jobs.values()))
        return {key: answer for key, answer in answers.items() if answer}

    def collect(self, state: RunState) -> RunStep:
        """What to record: rows whose jobs have ended; a withdrawn one is sent under its next key.

        Raises Unavailable.
        """
        if not state.in_flight:
            return RunStep()
        rows = self._leased.rows(state.in_flight)
        keys = {
            row_key(self._leased.run, rows[at].id, number): at
            for at, number in state.in_flight.items()
        }
        ended, todo = list[EndedRow](), dict[int, int]()
        for key, answer in self._answers(rows, keys).items():
            at = keys[key]
            self._asked_at.pop(at, None)
            if answer.error == Withdrawn.__name__:
                todo[at] = state.in_flight[at] + 1
            else:
                ended.append(ending(at, answer, rows[at], self._clock()))
        return RunStep(ended=ended, todo=todo, waits="" if ended else None)

    def _answers(
        self, rows: Mapping[int, PlannedRow], keys: Mapping[str, int]
    ) -> dict[str, JobEnd]:
        """The ends of those keys whose jobs have ended; the others are resubmitted now and then."""
        known = self._jobs.answers(self._leased.account, list(keys))
        now = self._clock()
        late = {
            at: rows[at].job(self._leased.account, self._leased.run, key, None, 0)
            for key, at in keys.items()
            if key not in known and not 0 <= now - self._asked_at.get(at, 0.0) <= _ASK_AGAIN_S
        }
        return known | self.submit(late) if late else known
