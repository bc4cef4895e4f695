"""The vendor as the limiter meets it: exact limits of its own, a way there, others on the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from sandbox.vendor.limits import MINUTE, ApiGateway, Denial, throttled

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


class FixedMinute:
    """A count that is reset at each full minute, as some gateways keep it."""

    def __init__(self, calls: int, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._clock = clock
        self._minute, self._used = 0.0, 0

    def admit(self) -> Denial | None:
        """Count a call, or tell that the minute is full."""
        minute, passed_s = divmod(self._clock(), MINUTE)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if self._used >= self._calls:
            return throttled(MINUTE - passed_s)
        self._used += 1
        return None


class Vendor:
    """Counts in a minute and a day, as the sandbox does. Every status is counted."""

    def __init__(
        self,
        clock: Callable[[], float],
        chance: Random,
        *,
        calls_per_minute: int,
        calls_per_day: int,
        way: Way,
        outages: Sequence[tuple[float, float]] = (),
        has_fixed_minute: bool = False,
    ) -> None:
        """The day begins now; `outages` are times (start, end) at which it answers nothing.

        Its minute slides, or its count is reset at each full minute.
        """
        self._fixed_minute = FixedMinute(calls_per_minute, clock) if has_fixed_minute else None
        self._gateway = ApiGateway(
            subscription_key=_KEY,
            calls_per_minute=0 if has_fixed_minute else calls_per_minute,
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
        self.foreign += self._admit() is None

    def _reply(self) -> Reply:
        if any(start <= self._clock() < end for start, end in self._outages):
            return Reply(503)
        denial = self._admit()
        return Reply(denial.status, float(denial.retry_after or 0)) if denial else Reply(200)

    def _admit(self) -> Denial | None:
        full = self._fixed_minute.admit() if self._fixed_minute else None
        return full or self._gateway.admit(_KEY)
