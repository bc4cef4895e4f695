"""The vendor as the limiter meets it: exact limits of its own, a way there, others on the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from sandbox.limits import Gateway

_KEY = "key"


@dataclass(frozen=True, slots=True)
class Way:
    """How long calls take, in seconds, evenly spread between two bounds."""

    there_s: tuple[float, float] = (0.005, 0.6)
    """From the permit to the vendor's count. Its spread is what the window's margin is for."""
    rest_s: tuple[float, float] = (0.045, 0.2)
    """From there to the answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`retry_after_s` is told with 429 and 403."""

    status: int
    retry_after_s: float = 0.0


class Vendor:
    """Counts in a sliding minute and a day, as the sandbox does. Every status is counted."""

    def __init__(
        self,
        clock: Callable[[], float],
        chance: Random,
        *,
        calls_per_minute: int,
        calls_per_day: int,
        way: Way,
        outages: Sequence[tuple[float, float]] = (),
    ) -> None:
        """The day begins now; `outages` are times (start, end) at which it answers nothing."""
        self._gateway = Gateway(
            subscription_key=_KEY,
            calls_per_minute=calls_per_minute,
            calls_per_day=calls_per_day,
            clock=clock,
        )
        self._clock = clock
        self._chance = chance
        self._way = way
        self._outages = outages
        self.statuses: Counter[int] = Counter()
        self.foreign = 0
        """Calls that others made with the same key."""

    def way_there_s(self) -> float:
        """How long this call is on its way."""
        return self._chance.uniform(*self._way.there_s)

    def rest_s(self) -> float:
        """How long the answer takes from then."""
        return self._chance.uniform(*self._way.rest_s)

    def receive(self) -> Reply:
        """A call of ours arrives now."""
        reply = self._reply()
        self.statuses[reply.status] += 1
        return reply

    def receive_foreign(self) -> None:
        """A call of somebody else with the same key arrives now."""
        self.foreign += self._gateway.admit(_KEY) is None

    def _reply(self) -> Reply:
        if any(start <= self._clock() < end for start, end in self._outages):
            return Reply(503)
        denial = self._gateway.admit(_KEY)
        return Reply(denial.status, float(denial.retry_after or 0)) if denial else Reply(200)
