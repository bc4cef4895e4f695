"""Which lanes gave this worker messages lately: only these are worth a look each second."""

from __future__ import annotations

import time
from collections.abc import Callable

_RECENT_S = 10.0


class LaneActivity:
    """Thread-safe: one thread notes, others ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted_at: dict[str, float] = {}

    def note(self, queue: str) -> None:
        """A message came from the queue, or may come at any moment."""
        self._noted_at[queue] = self._clock()

    @property
    def queues(self) -> frozenset[str]:
        """Those that gave a message within the last 10 s."""
        since = self._clock() - _RECENT_S
        return frozenset(queue for queue, at in list(self._noted_at.items()) if at >= since)


lane_activity = LaneActivity()
"""This process's only one: kombu creates its channels itself, so they cannot be given one."""
