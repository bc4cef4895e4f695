"""Which queues a request asks: those in use every time, the others a few at a time in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from revio_jobs.contracts import Lane
from worker.celery_app.lane_activity import LaneActivity

# Up to this many queues are asked every time, which costs less than choosing among them.
_FEW = 8
_BULK = f".{Lane.BULK.value}"
_PART_INTERVAL_S = 0.03
# Turns of the idle loop, of 35 ms each, in which all unused queues of a lane are looked at.
# Somebody waits for an interactive job, and nobody for a bulk one.
_TURNS = {Lane.INTERACTIVE: 4, Lane.BULK: 16}
# Lua cannot unpack more than 8,000 keys, and a queue has four.
_LARGEST_PART = 900


class QueueRound:
    """Keeps a request of a worker with hundreds of accounts nearly as cheap as one with a few."""

    def __init__(self, activity: LaneActivity, clock: Callable[[], float] = time.monotonic) -> None:
        self._activity = activity
        self._clock = clock
        self._next_at = 0.0
        self._places = dict.fromkeys(Lane, 0)

    def next(self, queues: Sequence[str]) -> tuple[list[str], list[str]]:
        """The queues to take from, and those of which to learn whether they hold a message."""
        if len(queues) <= _FEW:
            return list(queues), []
        recent = self._activity.queues
        used = [queue for queue in queues if queue in recent]
        if self._clock() < self._next_at:
            return used, []
        self._next_at = self._clock() + _PART_INTERVAL_S
        unused = [queue for queue in queues if queue not in recent]
        bulk = [queue for queue in unused if queue.endswith(_BULK)]
        others = [queue for queue in unused if not queue.endswith(_BULK)]
        return used, self._part(Lane.INTERACTIVE, others) + self._part(Lane.BULK, bulk)

    def _part(self, lane: Lane, unused: list[str]) -> list[str]:
        size = min(-(-len(unused) // _TURNS[lane]), _LARGEST_PART)
        start = self._places[lane] if self._places[lane] < len(unused) else 0
        self._places[lane] = start + size
        return unused[start : start + size]
