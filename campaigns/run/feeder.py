"""Carries all campaigns of an account forward, one feeder at a time.

Everything that a feeder must remember is recorded before it acts: a row is noted as sent before its
job is submitted, and its key follows from run and product. So whoever takes over submits the noted
rows again, which makes no second job, and goes on.

A `RunDriver` has one run in hand: its `RunJobs` collect what has ended, its `RowSender` reads ahead
and sends, its `StageCheck` reads back. All of them note in the run's `LeasedRun`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress

import structlog

from campaigns.run.backoff import Backoff
from campaigns.run.backoff_reader import BackoffReader
from campaigns.run.leased_run import LeasedRun
from campaigns.run.ports import Jobs, Products, Runs
from campaigns.run.run_driver import RunDriver
from campaigns.run.send_check import BulkLane
from campaigns.run.share import FeederLimits, shares
from campaigns.run.state import STEP_FAILS, RunState, RunStep
from revio_jobs.errors import Unavailable
from tasks.ports import LeaseLost

_MOST_CHARACTERS = 300

_log = structlog.get_logger(__name__)


class CampaignFeeder:
    """Feeds the runs of one account."""

    def __init__(
        self,
        account: str,
        *,
        runs: Runs,
        jobs: Jobs,
        products: Products,
        lane: BulkLane,
        limits: FeederLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._runs = runs
        self._jobs = jobs
        self._lane = lane
        self._limits = limits
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._reader = BackoffReader(products, clock)
        self._drivers: dict[str, RunDriver] = {}
        self._backoffs: dict[str, Backoff] = {}
        """Of runs whose last step has failed."""
        self._has_lease = False
        self._is_released = False

    def step(self) -> list[RunState] | None:
        """One round over all runs. Returns their states at its start; None if another feeder works.

        Raises Unavailable.
        """
        self._has_lease = not self._is_released and self._runs.lease(self._account, self._token)
        if not self._has_lease:
            self._drivers.clear()
            return None
        names = self._runs.active(self._account)
        self._drivers = {run: driver for run, driver in self._drivers.items() if run in names}
        self._backoffs = {run: backoff for run, backoff in self._backoffs.items() if run in names}
        states = [state for run in names if self._is_due(run) and (state := self._load(run))]
        lane_closed = self._lane.closure_reason(self._account) if states else ""
        slots = shares(states, self._limits.max_in_flight, self._clock())
        for state in states:
            self._guarded(state, slots[state.spec.run], lane_closed)
        return states

    def release(self) -> None:
        """This feeder ends, whatever its thread still does; another one can go on at once.

        Raises Unavailable.
        """
        self._is_released = True
        if self._has_lease:
            self._runs.release(self._account, self._token)

    def _is_due(self, run: str) -> bool:
        return run not in self._backoffs or self._backoffs[run].is_over

    def _load(self, run: str) -> RunState | None:
        try:
            return self._runs.load(self._account, run)
        except Unavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - as of a step
            self._note_failure(run, exc)
            return None

    def _guarded(self, state: RunState, slots: int, lane_closed: str) -> None:
        run = state.spec.run
        try:
            self._driver(run).advance(state, slots, lane_closed)
        except LeaseLost:
            self._drivers.clear()
        except Unavailable:
            raise
        except Exception as exc:  # noqa: BLE001
            # One run's fault must not stop the others; nothing is half done, so it is tried again.
            self._note_failure(run, exc)
        else:
            self._backoffs.pop(run, None)

    def _note_failure(self, run: str, error: Exception) -> None:
        """Say so where operators look, and let the run alone for a while: a step costs calls."""
        _log.exception("campaign_step_failed", run=run)
        self._drivers.pop(run, None)
        self._backoffs.setdefault(run, Backoff(self._clock)).fail()
        says = f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
        waits = f"{STEP_FAILS}, and tries again within a minute ({says})"
        with suppress(LeaseLost):
            self._leased(run).note(RunStep(waits=waits))

    def _leased(self, run: str) -> LeasedRun:
        return LeasedRun(self._runs, self._account, run, self._token)

    def _driver(self, run: str) -> RunDriver:
        if run not in self._drivers:
            self._drivers[run] = RunDriver(
                self._leased(run),
                jobs=self._jobs,
                reader=self._reader,
                limits=self._limits,
                clock=self._clock,
            )
        return self._drivers[run]
