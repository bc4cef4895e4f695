"""The pace at which calls leave: the limit spread evenly, with a small burst."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Spaces departures: `burst` at once, then one per `interval_s` (GCRA, ITU-T I.371).

    Thread-safe. A caller that comes seldom never waits.
    """

    def __init__(
        self, interval_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = interval_s
        self._slack_s = interval_s * (burst - 1)
        self._clock = clock
        self._next_at = float("-inf")
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Reserve the next departure. Returns the seconds until then."""
        with self._lock:
            now = self._clock()
            wait_s = max(self._next_at - self._slack_s - now, 0.0)
            self._next_at = max(self._next_at, now) + self._interval_s
            return wait_s
