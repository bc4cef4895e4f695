"""The gateway in front of the service: its key, its two limits and how it says no."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.contract.http import JSON, Response
from sandbox.vendor.habits import Minute

MINUTE = 60.0
DAY = 86_400.0


@dataclass(frozen=True)
class Denial:
    """A refusal by the gateway; `retry_after` in seconds is told if there is one."""

    status: int
    message: str
    retry_after: int | None = None

    def answer(self) -> Response:
        body = json.dumps({"statusCode": self.status, "message": self.message})
        waits = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        return Response(self.status, body.encode(), JSON, waits)


def throttled(seconds: float) -> Denial:
    wait = max(1, math.ceil(seconds))
    return Denial(429, f"Rate limit is exceeded. Try again in {wait} seconds.", wait)


def quota_spent(seconds: float) -> Denial:
    wait = max(1, math.ceil(seconds))
    minutes, second = divmod(wait, 60)
    hour, minute = divmod(minutes, 60)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    message = f"Out of call volume quota. Quota will be replenished in {clock}."
    return Denial(403, message, wait)


def unauthorised(*, given: bool) -> Denial:
    what = "invalid" if given else "missing"
    return Denial(401, f"Access denied due to {what} subscription key.")


class SlidingCount:
    """How many events the last `seconds` saw; two that are `seconds` apart are not counted
    together. `peak` is the largest count so far.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()
        self.peak = 0

    def count(self, now: float) -> int:
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        return len(self._times)

    def add(self, now: float) -> None:
        self._times.append(now)
        self.peak = max(self.peak, self.count(now))

    def until_free(self, now: float, limit: int) -> float:
        """Seconds until fewer than `limit` events count; there must be that many now."""
        if limit < 1:
            return self._seconds
        return self._times[-limit] + self._seconds - now


class FixedCount:
    """How many events the current of the windows saw that begin every `seconds` of the clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._window = -1.0
        self._count = 0

    def count(self, now: float) -> int:
        return self._count if now // self._seconds == self._window else 0

    def add(self, now: float) -> None:
        self._count = self.count(now) + 1
        self._window = now // self._seconds

    def until_free(self, now: float, _: int) -> float:
        """Seconds until the next window."""
        return self._seconds - now % self._seconds


class ApiGateway:
    """Lets a call through or denies it. A limit of 0 does not exist; denied calls use up
    nothing. The day begins with the gateway and lasts DAY seconds of `clock`.
    """

    def __init__(
        self,
        *,
        subscription_key: str,
        calls_per_minute: int,
        calls_per_day: int,
        clock: Callable[[], float],
        minute: Minute = Minute.SLIDING,
    ) -> None:
        self._counts = SlidingCount if minute is Minute.SLIDING else FixedCount
        self._subscription_key = subscription_key
        self._clock = clock
        self._configured = (calls_per_minute, calls_per_day)
        self.reset()

    def reset(self) -> None:
        """The configured limits, with nothing used."""
        self.calls_per_minute, self.calls_per_day = self._configured
        self._minute: SlidingCount | FixedCount = self._counts(MINUTE)
        self._day_used = 0
        self._day_ends = self._clock() + DAY

    def admit(self, subscription_key: str | None) -> Denial | None:
        if subscription_key != self._subscription_key:
            return unauthorised(given=bool(subscription_key))
        now = self._clock()
        if now >= self._day_ends:
            self._day_used = 0
            self._day_ends += DAY * (1 + (now - self._day_ends) // DAY)
        if 0 < self.calls_per_day <= self._day_used:
            return quota_spent(self._day_ends - now)
        if 0 < self.calls_per_minute <= self._minute.count(now):
            return throttled(self._minute.until_free(now, self.calls_per_minute))
        self._use(now)
        return None

    def consume(self, calls: int) -> None:
        """Calls that another user of the same key makes now."""
        for _ in range(calls):
            self._use(self._clock())

    def end_day_in(self, seconds: float) -> None:
        self._day_ends = self._clock() + seconds

    def state(self) -> dict[str, float]:
        now = self._clock()
        return {
            "calls_per_minute": self.calls_per_minute,
            "minute_used": self._minute.count(now),
            "calls_per_day": self.calls_per_day,
            "day_used": self._day_used,
            "day_ends_in": self._day_ends - now,
        }

    def _use(self, now: float) -> None:
        self._minute.add(now)
        self._day_used += 1
