"""One account at one moment: its calls, its waiting jobs, its runs, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from campaigns.run.state import Status
from campaigns.store.run_view import RunView
from cli.account_limits import AccountLimits
from cli.status.concern import Concern
from cli.tables import counted, span
from revio_jobs import Lane
from revio_jobs.contracts import queue_name
from tasks.alerts import ALERTS
from worker.ledger import Balance, Overdue
from worker.limiter import LaneClosure
from worker.limiter.limits_drift import Difference, LiveWorker
from worker.queues.lane_jobs import LaneJobs

MAX_WAIT_S: Mapping[Lane, float] = {Lane.INTERACTIVE: 60.0, Lane.BULK: 86_400.0}
"""Seconds after which a job of the lane has waited too long."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane's jobs."""

    lane: Lane
    jobs: LaneJobs
    """Its unfinished jobs, by where they are."""
    oldest_wait_s: float | None
    """Seconds since the oldest waiting update was accepted; None if no update waits."""
    closure: LaneClosure | None
    """Why no job of the lane is started now, if none is."""
    runs_in_s: float = 0.0
    """Seconds until a job that comes now would run; infinite while an operator has paused it."""

    @property
    def queued(self) -> int:
        """Messages in the queue: queries, raw messages and accepted updates."""
        return self.jobs.queued

    @property
    def waits_too_long(self) -> bool:
        """Whether its oldest job has waited for longer than jobs of the lane should."""
        return self.oldest_wait_s is not None and self.oldest_wait_s > MAX_WAIT_S[self.lane]


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """What `revio status` shows of an account."""

    account: str
    limits: AccountLimits
    lanes: Sequence[LaneStatus]
    workers: Sequence[LiveWorker]
    """The live workers that serve the account."""
    drift: Sequence[Difference]
    clock_offsets_s: Mapping[str, float]
    """Workers whose clocks are off, with the seconds that they are ahead of Redis's clock."""
    balance: Balance
    overdue: Overdue | None
    """The update that the sweep should have put into its queue longest ago, if one is due."""
    dead_letters: Mapping[str, int]
    """By the class of the error."""
    all_runs: Sequence[RunView]
    """The newest ones, ended or not."""
    unreadable_runs: Sequence[str] = ()
    """What is said of runs whose state cannot be read here."""

    @property
    def runs(self) -> Sequence[RunView]:
        """Those that have not ended, and those that halted: somebody still has to do with them."""
        return [
            view
            for view in self.all_runs
            if not view.has_ended or view.state.status is Status.HALTED
        ]

    def concerns(self) -> Iterator[Concern]:
        """What needs a person, the most urgent first."""
        yield from self._lost()
        yield from self._unserved()
        yield from self._unswept()
        yield from self._closed_or_slow()
        yield from self._failed()
        yield from self._stuck_runs()
        for says in self.unreadable_runs:
            yield self._concern("campaign", says, "upgrade this command and the workers")
        for difference in self.drift:
            yield self._concern("settings", str(difference), "give all workers the same limits")
        for worker, ahead_s in self.clock_offsets_s.items():
            says = f"{worker}'s clock is {ahead_s:+.0f} s off Redis's"
            yield self._concern("clocks", says, "let NTP set the clocks of its host and of Redis's")

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "calls": self.limits.document(),
            "lanes": {
                lane.lane.value: {
                    "queued": lane.queued,
                    "oldest_wait_s": lane.oldest_wait_s,
                    "closed": str(lane.closure) if lane.closure else None,
                }
                for lane in self.lanes
            },
            "workers": [worker.name for worker in self.workers],
            "updates": {**asdict(self.balance), "missing": self.balance.missing},
            "dead_letters": dict(self.dead_letters),
            "runs": [
                {
                    "run": view.state.spec.run,
                    "status": view.state.status.value,
                    "ended_rows": sum(view.state.counts.values()),
                    "rows": view.state.spec.rows,
                    "waits": view.waits,
                    "reason": view.state.reason,
                }
                for view in self.runs
            ],
        }

    def _lost(self) -> Iterator[Concern]:
        if missing := self.balance.missing:
            yield self._concern(
                "audit",
                f"{counted(missing, 'accepted update')} cannot be accounted for",
                "revio audit names them",
            )

    def _unserved(self) -> Iterator[Concern]:
        served = {lane for worker in self.workers for lane in worker.lanes}
        for lane in self.lanes:
            # What a dead worker held, and what waits for its next attempt, is put back by workers.
            if not (unfinished := lane.jobs.unfinished) or lane.lane in served:
                continue
            queue = queue_name(self.account, lane.lane)
            begun = unfinished - lane.queued
            yield self._concern(
                "workers",
                f"{counted(unfinished, 'job')} in {queue}"
                + (f" ({begun:,} of them held by a worker, or put off)" if begun else "")
                + ", and no worker that takes from it has reported for a minute",
                f"start one: celery -A worker worker -Q {queue}",
            )

    def _unswept(self) -> Iterator[Concern]:
        """Without workers it is they who are missing."""
        if self.workers and self.overdue and self.overdue.is_forgotten:
            yield self._concern(
                "sweep",
                f"update {self.overdue.job_id} has been due again for "
                f"{span(self.overdue.seconds)}, and no worker has put it into its queue",
                "look for sweep_failed and job_unreadable in the workers' logs, then restart the "
                "account's workers",
            )

    def _closed_or_slow(self) -> Iterator[Concern]:
        for lane in self.lanes:
            name, account = lane.lane.value, self.account
            if lane.closure and lane.closure.pause:
                resume = f"revio lane resume --account {account} --lane {name}"
                yield self._concern(name, str(lane.closure), f"when it may go on: {resume}")
            elif lane.closure and lane.closure.is_refused:
                fix = "correct the account's login, key or address; docs/operators/diagnose.md"
                yield self._concern(name, str(lane.closure), fix)
            elif lane.waits_too_long:
                why = str(lane.closure) if lane.closure else "the lane is open"
                yield self._concern(
                    name,
                    f"the oldest update has waited for {span(lane.oldest_wait_s or 0.0)}; {why}",
                    f"revio limits --account {account} shows the calls; start more workers if "
                    "calls are left",
                )

    def _failed(self) -> Iterator[Concern]:
        for error in (kind.__name__ for kind in ALERTS):
            if count := self.dead_letters.get(error, 0):
                yield self._concern(
                    "dead letters",
                    f"{counted(count, 'update')} ended as {error}",
                    f"revio dead list --account {self.account} --error {error}",
                )

    def _stuck_runs(self) -> Iterator[Concern]:
        for view in self.runs:
            run, state = view.state.spec.run, view.state
            if state.status is Status.HALTED:
                fix = f"revio campaign resume {run} --reason …, or cancel it"
                yield self._concern("campaign", f"{run} has halted: {state.reason}", fix)
            elif state.status is Status.PAUSED:
                fix = f"when it may go on: revio campaign resume {run} --reason …, or cancel it"
                why = f": {state.reason}" if state.reason else ""
                yield self._concern("campaign", f"{run} is paused{why}", fix)
            elif view.goes_on and not view.is_fed:
                fix = f"start a worker of account {self.account}: any of them carries runs forward"
                yield self._concern("campaign", f"{run}: {view.waits}", fix)
            elif view.step_fails:
                fix = "report it, with the traceback of campaign_step_failed in the workers' log"
                yield self._concern("campaign", f"{run}: {view.waits}", fix)
            elif view.read_is_refused:
                fix = (
                    f"ask Rev.io what is wrong with these products, or revio campaign cancel {run}"
                )
                yield self._concern("campaign", f"{run}: {view.waits}", fix)

    def _concern(self, about: str, says: str, fix: str) -> Concern:
        return Concern(self.account, about, says, fix)
