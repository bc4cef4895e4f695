"""Drives an account's campaigns: one thread per account in each worker calls this repeatedly."""

from __future__ import annotations

import time
from collections.abc import Callable

from campaigns.run.feeder import CampaignFeeder
from revio_jobs.errors import Unavailable
from worker.celery_app.run_events import RunEvents

FEED_INTERVAL_S = 0.2
# Pause after a round that found Redis unreachable.
_OUTAGE_PAUSE_S = 2.0


class FeederThread:
    """The body of an account's feeder thread: one step of the feeder, then its news to Flower.

    Every worker has such a thread; the feeder's lease lets one of them act at a time.
    """

    def __init__(
        self,
        feeder: CampaignFeeder,
        events: RunEvents,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._feeder = feeder
        self._events = events
        self._sleep = sleep

    def run_once(self) -> None:
        """Raises Unavailable, after a pause of 2 s: the interval is too short for an outage."""
        try:
            self._events.tell(self._feeder.step() or ())
        except Unavailable:
            self._sleep(_OUTAGE_PAUSE_S)
            raise
