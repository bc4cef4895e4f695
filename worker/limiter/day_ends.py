"""When the vendor's day ends, learned from its quota answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redis import Redis

from worker.limiter.day_resets import TOLERANCE_S, reset_hour
from worker.limiter.rules import LimitRules
from worker.redis_kit.scripts import fail_closed


class DayEnds:
    """Stores what the last quota answer of each account said. Methods raise Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def note(self, account: str, ends_at: float) -> None:
        """`ends_at`: Unix time."""
        with fail_closed("the end of the day"):
            self._redis.set(_key(account), f"{ends_at:.0f}")

    def get(self, account: str) -> float | None:
        """Unix time, seconds; None if no quota answer has told yet."""
        with fail_closed("the end of the day"):
            stored = self._redis.get(_key(account))
        return float(stored) if stored else None


def day_disagreement(ends_at: float, rules: LimitRules) -> str:
    """How the settings' reset differs from the one that was seen, in words; "" if it does not."""
    resets = rules.resets_around(ends_at)
    if min(abs(ends_at - reset) for reset in resets) <= TOLERANCE_S:
        return ""
    at, hour = datetime.fromtimestamp(ends_at, UTC), reset_hour(ends_at)
    seen = f"the vendor's day ended at {at:%H:%M} UTC on {at:%Y-%m-%d}"
    where = str(rules.day_reset_zone)
    ours = f"the settings have it end at {rules.day_reset_hour}:00 {where}"
    if hour is None:
        return f"{seen}, which is not a whole hour; {ours}"
    return f"{seen}; {ours}"


def _key(account: str) -> str:
    return f"revio:{account}:limits:day_ends"
