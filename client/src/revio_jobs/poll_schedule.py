"""Polling for many jobs: which to read next, and how long to pause after a read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

_MIN_PAUSE_S = 0.01
_MAX_GROWN_PAUSE_S = 0.25
_GROWTH = 1.1
# A waiting process spends no more than a sixth of its time on polling.
_PAUSE_TO_POLL = 5.0
_MAX_PAUSE_S = 1.0
_OLDEST = 500
_OTHERS = 500

T = TypeVar("T", bound=Hashable)


class PollSchedule(Generic[T]):
    """The jobs that somebody waits for, oldest first. A poll costs the same however many they are.

    Jobs mostly end in the order of their submission, so each poll reads the oldest, and some of the
    others in turn.
    """

    def __init__(self, jobs: Iterable[T] = ()) -> None:
        self._pending = dict.fromkeys(jobs)
        self._round: Iterator[T] = iter(())
        self._pause_s = _MIN_PAUSE_S

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._pending))

    def add(self, job: T) -> None:
        """The next pause is a short one."""
        self._pending[job] = None
        self._pause_s = _MIN_PAUSE_S

    def next_poll(self) -> list[T]:
        """Which to read now."""
        chosen = dict.fromkeys(islice(self._pending, _OLDEST))
        if len(self._pending) > _OLDEST:
            others = list(islice(self._round, _OTHERS))
            if not others:
                self._round = islice(list(self._pending), _OLDEST, None)
                others = list(islice(self._round, _OTHERS))
            chosen |= dict.fromkeys(job for job in others if job in self._pending)
        return list(chosen)

    def remove(self, ended: Iterable[T]) -> None:
        """Stop polling for these jobs. If there are any, the next pause is a short one."""
        self._pause_s = min(self._pause_s * _GROWTH, _MAX_GROWN_PAUSE_S)
        for job in ended:
            del self._pending[job]
            self._pause_s = _MIN_PAUSE_S

    def pause_s(self, poll_s: float) -> float:
        """How long to pause after a poll that took `poll_s`."""
        return max(self._pause_s, min(poll_s * _PAUSE_TO_POLL, _MAX_PAUSE_S))
