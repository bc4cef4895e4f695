"""The limiter's clock: Redis's, without its jumps.

Setting Redis's clock ahead would age all calls at once and let the next minute's out too early. So
each process compares Redis's clock with its own monotonic one. When it sees a jump, it corrects for
it by an offset that is kept in Redis for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from redis import Redis

from worker.redis_kit.scripts import load_script

_log = structlog.get_logger(__name__)

MICRO = 1_000_000
CLOCK_KEY = "revio:calls:clock"

# Slewing a clock and the network's delay stay below this; a larger difference is examined.
_SLACK_US = 500_000
# A slower answer does not tell well enough when the clock was read.
_PROMPT_US = 250_000
_TRIES = 5


class RedisClock:
    """Redis's clock, checked against this process's monotonic one."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic`: seconds since any moment; it never jumps."""
        self._redis = redis
        self._monotonic = monotonic
        self._set = load_script(redis, "worker.limiter", "clock")
        self._seen: tuple[int, int] | None = None

    def now(self) -> int:
        """The corrected time in microseconds."""
        seconds, micros = self._redis.time()
        offset, asked_at = self._redis.hmget(CLOCK_KEY, "offset", "asked_at")
        stamp = int(seconds) * MICRO + int(micros) + int(offset or 0)
        # A clock that was set back stands still until somebody asks for a permit, see admit.lua.
        return max(stamp, int(asked_at or 0))

    def note(self, now_us: int) -> None:
        """Remember the time that Redis has just answered with."""
        self._seen = (now_us, self._own_us())

    def not_after(self) -> int:
        """The latest time that Redis can have now if its clock has not jumped; 0 if unknown."""
        expected = self._expected(self._own_us())
        return expected + _SLACK_US if expected else 0

    def follow(self) -> int:
        """Read the time, correct it if it has jumped ahead, and return it.

        To be called often: of a jump back and one ahead between two calls only the sum is seen.
        """
        for _ in range(_TRIES):
            asked = self._own_us()
            now = self.now()
            answered = self._own_us()
            if answered - asked < _PROMPT_US:
                break
        expected = self._expected(answered)
        if expected and now > expected + _SLACK_US:
            _log.warning("redis_clock_jumped", seconds=round((now - expected) / MICRO, 1))
            now = int(self._set(keys=[CLOCK_KEY], args=[expected]))
        self._seen = (now, answered)
        return now

    def _expected(self, own_us: int) -> int:
        if self._seen is None:
            return 0
        now_us, then_us = self._seen
        return now_us + own_us - then_us

    def _own_us(self) -> int:
        return round(self._monotonic() * MICRO)
