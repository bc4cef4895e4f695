"""The bulk lane as campaigns see it."""

from __future__ import annotations

from revio_jobs import Lane
from worker.limiter import LaneClosure, LaneClosures


class CampaignLane:
    """Implements the BulkLane port on the closures of the bulk lanes."""

    def __init__(self, closures: LaneClosures) -> None:
        self._closures = closures

    def held(self, account: str) -> str:
        """See the port."""
        return _worded(self._closures.paused(account, Lane.BULK))

    def closed(self, account: str) -> str:
        """See the port."""
        return _worded(self._closures.closed(account, Lane.BULK))


def _worded(closure: LaneClosure | None) -> str:
    return str(closure) if closure else ""
