"""How many calls a plan takes, and when it will be done, given today's use and the reserve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_DAY_S = 86_400.0
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class BulkBudget:
    """What bulk work may call, as of now."""

    per_minute: int
    per_day: int
    left_today: int
    day_resets_at: float
    """Unix time, seconds."""
    now: float
    ids_per_call: int = 200
    last_minute: int = 0
    """Calls of the account in the last 60 seconds, by everybody."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The calls and the time that a number of changes take."""

    updates: int
    reads: int
    share_of_day: float
    """Calls relative to what bulk may call in a whole day."""
    seconds: float
    done_at: float
    """Unix time, seconds, if it began now and ran alone."""

    @property
    def calls(self) -> int:
        """Updates and reads."""
        return self.updates + self.reads

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "calls": self.calls,
            "updates": self.updates,
            "reads": self.reads,
            "share_of_day": round(self.share_of_day, 4),
            "seconds": round(self.seconds),
            "done_at": round(self.done_at),
        }


def forecast(changes: int, budget: BulkBudget) -> Forecast:
    """Each change is one call; the products are read once just before and once after."""
    reads = 2 * math.ceil(changes / budget.ids_per_call)
    calls = changes + reads
    seconds = time_for(calls, budget)
    share = calls / budget.per_day if budget.per_day else math.inf
    return Forecast(changes, reads, share, seconds, budget.now + seconds)


def time_for(calls: float, budget: BulkBudget, rate: float | None = None) -> float:
    """Seconds that the calls take: day by day, each as fast as the minute allows."""
    per_second = min(budget.per_minute, rate or math.inf) / _MINUTE_S
    if per_second <= 0 or budget.per_day <= 0:
        return math.inf
    now, day_ends, left = budget.now, budget.day_resets_at, float(max(budget.left_today, 0))
    while True:
        possible = min(left, (day_ends - now) * per_second)
        if calls <= possible:
            return now + calls / per_second - budget.now
        calls -= possible
        now, day_ends, left = day_ends, day_ends + _DAY_S, float(budget.per_day)
