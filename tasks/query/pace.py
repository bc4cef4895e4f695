"""Spreads departures in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets `burst` go at once, then one each `interval_s` (GCRA, ITU-T I.371). For all threads.

    Whoever comes seldom never waits.
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
        """Takes the next departure; the answer is in how many seconds that is."""
        with self._lock:
            now = self._clock()
            wait_s = max(self._next_at - self._slack_s - now, 0.0)
            self._next_at = max(self._next_at, now) + self._interval_s
            return wait_s
