"""The time that limits go by: Redis's, but not its jumps.

A clock that is set ahead would age all calls at once. Each process compares Redis's clock with its
own, which no administrator sets; one that sees a jump tells Redis to go on from where it was.
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

# Clocks are slewed by less, and a message is on its way for less; more is looked into.
_SLACK_US = 500_000
# An answer that took longer says too little of when the clock was read.
_PROMPT_US = 250_000
_TRIES = 5


class RedisClock:
    """Follows Redis's clock by this process's own."""

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` tells seconds since any moment, and never jumps."""
        self._redis = redis
        self._monotonic = monotonic
        self._set = load_script(redis, "worker.limiter", "clock")
        self._seen: tuple[int, int] | None = None

    def now(self) -> int:
        """The time that counts, in microseconds."""
        seconds, micros = self._redis.time()
        offset, asked_at = self._redis.hmget(CLOCK_KEY, "offset", "asked_at")
        told = int(seconds) * MICRO + int(micros) + int(offset or 0)
        # A clock that was set back stands still until somebody asks for a permit, see admit.lua.
        return max(told, int(asked_at or 0))

    def note(self, now_us: int) -> None:
        """An answer from Redis has just told this time."""
        self._seen = (now_us, self._own_us())

    def not_after(self) -> int:
        """The latest that Redis can tell now if nothing jumped; 0: unknown."""
        expected = self._expected(self._own_us())
        return expected + _SLACK_US if expected else 0

    def follow(self) -> int:
        """Ask the time, and have it go on from where it was if it has jumped ahead.

        To be called often: of two jumps since the last time, one back and one ahead, only the sum
        can be told. Returns the time that counts.
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
