"""How to wait for many jobs: whom to look at next, and how long to rest after a look."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

_FIRST_PAUSE_S = 0.01
_SLOWEST_PAUSE_S = 0.25
_GROWTH = 1.1
# A waiting process spends no more than a sixth of its time on looking.
_PAUSE_TO_LOOK = 5.0
_LONGEST_PAUSE_S = 1.0
_OLDEST = 500
_OTHERS = 500

T = TypeVar("T", bound=Hashable)


class Waiting(Generic[T]):
    """Those who wait, in the order in which they came. A look costs the same however many they are.

    Jobs mostly end in the order of their submission, so each look is at the oldest, and at some of
    the others in turn.
    """

    def __init__(self, who: Iterable[T] = ()) -> None:
        self._pending = dict.fromkeys(who)
        self._round: Iterator[T] = iter(())
        self._pause_s = _FIRST_PAUSE_S

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._pending))

    def add(self, who: T) -> None:
        """The next pause is a short one."""
        self._pending[who] = None
        self._pause_s = _FIRST_PAUSE_S

    def next_look(self) -> list[T]:
        """At whom to look now."""
        chosen = dict.fromkeys(islice(self._pending, _OLDEST))
        if len(self._pending) > _OLDEST:
            others = list(islice(self._round, _OTHERS))
            if not others:
                self._round = islice(list(self._pending), _OLDEST, None)
                others = list(islice(self._round, _OTHERS))
            chosen |= dict.fromkeys(each for each in others if each in self._pending)
        return list(chosen)

    def ended(self, who: Iterable[T]) -> None:
        """They wait no more. The next pause is a short one if there were any."""
        self._pause_s = min(self._pause_s * _GROWTH, _SLOWEST_PAUSE_S)
        for each in who:
            del self._pending[each]
            self._pause_s = _FIRST_PAUSE_S

    def pause_s(self, look_s: float) -> float:
        """How long to rest after a look that took so long."""
        return max(self._pause_s, min(look_s * _PAUSE_TO_LOOK, _LONGEST_PAUSE_S))
