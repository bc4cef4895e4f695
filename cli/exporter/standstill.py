"""For how long the next message of a queue has been the same.

The ledger knows since when an update waits; of a query or a raw message nobody knows, and it is
these for which somebody waits most often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from revio_jobs import Lane
from revio_jobs.broker import queue_keys
from revio_jobs.contracts import queue_name


class Standstills:
    """Of all queues, as they were each time that somebody asked."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis: Any = redis
        self._clock = clock
        self._next: dict[str, tuple[int, float]] = {}
        """By queue, the hash of its next message, and when it was first seen there."""

    def seconds(self, account: str, lane: Lane) -> float:
        """0 if no message waits, or another one than the last time. Raises RedisError."""
        queue = queue_name(account, lane)
        message = self._next_of(queue)
        if message is None:
            self._next.pop(queue, None)
            return 0.0
        now = self._clock()
        known, since = self._next.get(queue, (None, now))
        if known != hash(message):
            self._next[queue] = hash(message), now
            return 0.0
        return now - since

    def _next_of(self, queue: str) -> bytes | None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for key in queue_keys(queue):
                pipeline.lindex(key, -1)
            return next(filter(None, pipeline.execute()), None)
