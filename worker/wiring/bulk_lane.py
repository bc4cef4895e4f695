"""The bulk lane as campaigns see it."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns.business_time import BusinessTime
from revio_jobs import Lane
from worker.limiter import LaneClosure, LaneClosures

# Times are shown to the minute.
_MINUTE_S = 60


class CampaignLane:
    """Implements the BulkLane port on the closures of the bulk lanes."""

    def __init__(self, closures: LaneClosures, times: Mapping[str, BusinessTime]) -> None:
        """`times`: each account's, in which its people are told since or until when."""
        self._closures = closures
        self._times = times

    def pause_reason(self, account: str) -> str:
        """See the port."""
        return self._in_words(self._closures.paused(account, Lane.BULK), account)

    def closure_reason(self, account: str) -> str:
        """See the port."""
        return self._in_words(self._closures.closed(account, Lane.BULK), account)

    def _in_words(self, closure: LaneClosure | None, account: str) -> str:
        return closure.in_words(self._times[account].show, _MINUTE_S) if closure else ""
