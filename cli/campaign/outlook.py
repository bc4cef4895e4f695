"""What applying a plan takes, and when it would begin."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns import Planned
from campaigns.business_time import BusinessTime
from campaigns.plan.forecast import Forecast, forecast
from cli.campaign.session import CampaignSession


@dataclass(frozen=True, slots=True)
class Outlook:
    """As of now."""

    takes: Forecast
    reads: int
    """Calls that planning took."""
    begins: str
    """By the effective date, in words; "" if there is none."""
    time: BusinessTime

    @classmethod
    def of(cls, session: CampaignSession, planned: Planned) -> Outlook:
        """The forecast for a plan that was just made. Raises Unavailable."""
        campaigns = session.campaigns
        return cls(
            forecast(planned.summary.changes, session.budget()),
            campaigns.reader.calls,
            campaigns.begins(planned.plan) if planned.plan else "",
            campaigns.terms.time,
        )
