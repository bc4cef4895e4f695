"""Ids of raw jobs that somebody has revoked, for workers that did not hear of it.

Celery's workers remember them in memory and tell a newcomer as it starts, which is off here, and
a command is not heard by a worker that connects again at that moment: the next worker would run
the job. So whoever hears of a revocation notes it in Redis, and all read what is new there.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from celery.utils.collections import LimitedSet
from redis import Redis

from revio_jobs.broker import REVOKED
from worker.redis_kit.scripts import fail_closed

READ_EVERY_S = 5.0
# Notes of the same moment may be written while others read.
_READ_AGAIN_S = 10.0


class Revocations:
    """What a worker remembers, and all others know of."""

    def __init__(self, redis: Redis, remembered: LimitedSet, kept_s: float) -> None:
        """`remembered`: Celery's own set of revoked ids; `kept_s`: how long an id is kept."""
        self._redis: Any = redis
        self._remembered = remembered
        remembered.expires = kept_s
        self._kept_s = kept_s
        self._read_until = -inf

    def note(self, job_ids: Iterable[str]) -> None:
        """Let all workers know of them. Raises Unavailable."""
        with fail_closed("the broker"):
            now = self._now()
            if noted := dict.fromkeys(job_ids, now):
                self._redis.zadd(REVOKED, noted)
                self._redis.zremrangebyscore(REVOKED, "-inf", now - self._kept_s)
                if (surplus := self._redis.zcard(REVOKED) - self._remembered.maxlen) > 0:
                    self._redis.zpopmin(REVOKED, surplus)
                self._redis.expire(REVOKED, round(self._kept_s))

    def read(self) -> None:
        """Remember what has been noted since the last time. Raises Unavailable."""
        with fail_closed("the broker"):
            now = self._now()
            since = max(self._read_until - _READ_AGAIN_S, now - self._kept_s)
            job_ids = self._redis.zrangebyscore(REVOKED, since, "+inf")
        for job_id in map(bytes.decode, job_ids):
            # Adding what is known would take it out for a moment, in which its job could begin.
            if job_id not in self._remembered:
                self._remembered.add(job_id)
        self._read_until = now

    def _now(self) -> float:
        seconds, micros = self._redis.time()
        return float(seconds) + float(micros) / 1e6
