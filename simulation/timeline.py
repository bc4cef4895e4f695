"""Virtual time: processes wait in it, and its clock jumps from one wait's end to the next."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator

Process = Generator[float | None, None, None]
"""Yields the seconds that it waits, or None to wait until it is woken; ends when it returns."""


class Timeline:
    """Runs processes in the order of their times; those due together in the order they asked."""

    def __init__(self, now: float) -> None:
        """`now`: Unix time, seconds."""
        self.now = now
        self._due: list[tuple[float, int, Process]] = []
        self._order = itertools.count()

    def __call__(self) -> float:
        return self.now

    def start(self, process: Process, after_s: float = 0.0) -> None:
        """Let it run, or go on if it waits to be woken, after so long."""
        heapq.heappush(self._due, (self.now + after_s, next(self._order), process))

    def run(self, until: float) -> None:
        """Everything that is due before `until`, which is the time then."""
        while self._due and self._due[0][0] < until:
            self.now, _, process = heapq.heappop(self._due)
            try:
                wait_s = next(process)
            except StopIteration:
                continue
            if wait_s is not None:
                self.start(process, wait_s)
        self.now = until
