"""Whether a campaign's job may still be sent: its run goes on now, and no guard rail stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from campaigns.guard_rails.rails import Rails, forbidden
from campaigns.run.spec import Timetable
from revio_jobs.contracts import CustomerProduct, CustomerProductRecord, UpdateJob
from revio_jobs.errors import GuardRail, Withdrawn

# The clock of the feeder, which sends from then on, may be ahead of this worker's.
_EARLY_S = 5.0


@dataclass(frozen=True, slots=True)
class SendRules:
    """What a run lets through at this moment."""

    status: str
    is_open: bool
    rails: Rails = field(default_factory=Rails)
    """The plan's rails, besides the worker's own."""
    overrides: frozenset[str] = frozenset()
    effective: date | None = None
    timetable: Timetable = field(default_factory=Timetable)


class RunRulesSource(Protocol):
    """Knows what each run lets through."""

    def send_rules(self, account: str, run: str) -> SendRules | None:
        """The rules of a run; None if there is no such run. Raises Unavailable."""


class BulkLane(Protocol):
    """Knows whether campaigns' calls may go out, by account. Raises Unavailable."""

    def pause_reason(self, account: str) -> str:
        """Who has paused the lane and why, in words; "" if nobody has."""

    def closure_reason(self, account: str) -> str:
        """As `pause_reason`, or why no call may go out for a while; "" if calls may go out."""


class CampaignSendCheck:
    """Lets through what its run, the lane and the rails allow; a job without a campaign always."""

    def __init__(
        self,
        runs: RunRulesSource,
        lane: BulkLane,
        rails: Rails,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: Unix time, seconds."""
        self._runs = runs
        self._lane = lane
        self._rails = rails
        self._clock = clock

    def check(self, job: UpdateJob, record: CustomerProductRecord | None) -> None:
        """See the port."""
        if job.campaign is None:
            return
        run = job.campaign.run
        rules = self._runs.send_rules(job.account, run)
        if rules is None:
            raise Withdrawn(f"no campaign {run} is known here")
        if not rules.is_open:
            raise Withdrawn(f"campaign {run} is {rules.status}")
        if reason := self._lane.pause_reason(job.account):
            raise Withdrawn(reason)
        # It may have waited in its queue, or for another attempt, until its hours were over.
        now, timetable = self._clock(), rules.timetable
        if (why := timetable.not_yet(now)) and timetable.not_yet(now + _EARLY_S):
            raise Withdrawn(f"campaign {run}: {why}")
        current = CustomerProduct.model_validate(record) if record else job.campaign
        after = job.changes() | dict.fromkeys(job.clear)
        breaches = (self._rails + rules.rails).row_breaches(current, after, rules.effective)
        if stopped := forbidden(breaches, rules.overrides):
            raise GuardRail(
                [breach.rail.value for breach in stopped],
                "; ".join(breach.says for breach in stopped),
            )
