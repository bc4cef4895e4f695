"""Whether a campaign's job may still be sent: its run goes on, and no guard rail stops it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from campaigns.guard_rails.rails import Rails, forbidden
from revio_jobs.contracts import CustomerProduct, CustomerProductRecord, UpdateJob
from revio_jobs.errors import GuardRail, Withdrawn


@dataclass(frozen=True, slots=True)
class RunGate:
    """What a run lets through at this moment."""

    status: str
    is_open: bool
    rails: Rails = field(default_factory=Rails)
    """Those of the plan, beside the worker's own."""
    overrides: frozenset[str] = frozenset()
    effective: date | None = None


class RunGates(Protocol):
    """Knows the runs' gates."""

    def gate(self, account: str, run: str) -> RunGate | None:
        """None: there is no such run. Raises Unavailable."""


class BulkLane(Protocol):
    """Knows whether campaigns' calls may go out, by account. Raises Unavailable."""

    def held(self, account: str) -> str:
        """Who has paused the lane and why, in words; "" if nobody has."""

    def closed(self, account: str) -> str:
        """As `held`, or why no call may go out for a while; "" if calls may go out."""


class CampaignGate:
    """Lets through what its run, the lane and the rails allow; a job without a campaign always."""

    def __init__(self, gates: RunGates, lane: BulkLane, rails: Rails) -> None:
        self._gates = gates
        self._lane = lane
        self._rails = rails

    def check(self, job: UpdateJob, record: CustomerProductRecord | None) -> None:
        """See the port."""
        if job.campaign is None:
            return
        run = job.campaign.run
        gate = self._gates.gate(job.account, run)
        if gate is None:
            raise Withdrawn(f"no campaign {run} is known here")
        if not gate.is_open:
            raise Withdrawn(f"campaign {run} is {gate.status}")
        if held := self._lane.held(job.account):
            raise Withdrawn(held)
        seen = CustomerProduct.model_validate(record) if record else job.campaign
        breaches = (self._rails + gate.rails).of_row(seen, job.changes(), gate.effective)
        if stopped := forbidden(breaches, gate.overrides):
            raise GuardRail(
                [each.rail.value for each in stopped], "; ".join(each.says for each in stopped)
            )
