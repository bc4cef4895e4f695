"""The last check before an update is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from revio_jobs.contracts import CustomerProductRecord, UpdateJob
from revio_jobs.errors import Withdrawn


class SendCheck(Protocol):
    """Asked before an update is sent."""

    def check(self, job: UpdateJob, record: CustomerProductRecord | None) -> None:
        """`record`: the product, if it was read just now.

        Raises Withdrawn or GuardRail: nothing may be sent. Raises Unavailable.
        """


class NoCampaigns:
    """For a worker without campaigns: refuses every job that belongs to one."""

    def check(self, job: UpdateJob, record: CustomerProductRecord | None) -> None:  # noqa: ARG002 - the port's
        """See the port."""
        if job.campaign is not None:
            raise Withdrawn(f"no campaign {job.campaign.run} is known here")


@dataclass(frozen=True, slots=True)
class AlreadyWithdrawn:
    """For a job that was withdrawn: refuses it."""

    reason: str

    def check(self, job: UpdateJob, record: CustomerProductRecord | None) -> None:  # noqa: ARG002 - the port's
        """See the port."""
        raise Withdrawn(self.reason)
