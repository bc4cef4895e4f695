"""Queues with a name like ours from which no worker takes: a producer has mistyped it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from typing import Any

from redis import Redis

from revio_jobs import Lane
from revio_jobs.broker import queue_keys, queue_of
from revio_jobs.contracts import parse_queue_name, queue_name
from worker.limiter.limits_drift import live_workers
from worker.queues.queued_message import QueuedMessage
from worker.redis_kit.scan import scan_keys

_LOOKED_AT = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StrayQueue:
    """A queue that is none of the accounts'."""

    name: str
    messages: int
    meant: str | None
    """The queue that it is named like, if any."""

    @property
    def lane(self) -> tuple[str, Lane] | None:
        """The account and lane that it is named for; None if its name is that of no lane."""
        return parse_queue_name(self.name)

    @property
    def fix(self) -> str:
        """What to do about it."""
        if self.lane:
            account, _ = self.lane
            meant = f"; was {self.meant} meant?" if self.meant else ""
            return (
                f"configure the account {account} and start workers for it, or correct the "
                f"producer that named it{meant}"
            )
        meant = f"to {self.meant}" if self.meant else "to revio.<account>.interactive or .bulk"
        return f"correct the producer's queue {meant}, and submit its jobs again"


def stray_queues(redis: Redis, accounts: Collection[str]) -> Iterator[StrayQueue]:
    """Those that have messages, by name. Raises RedisError."""
    ours = [queue_name(account, lane) for account in accounts for lane in Lane]
    counts: Counter[str] = Counter()
    for key in {*scan_keys(redis, "revio.*", at_once=1000, kind="list")}:
        counts[queue_of(key)] += int(redis.llen(key))
    for name, messages in sorted(counts.items()):
        if name not in ours:
            yield StrayQueue(name, messages, next(iter(get_close_matches(name, ours, 1)), None))


def untaken_queues(redis: Redis, accounts: Collection[str]) -> Iterator[StrayQueue]:
    """Those from which no worker takes, of other settings either. Raises RedisError."""
    for queue in stray_queues(redis, accounts):
        if not (queue.lane and live_workers(redis, queue.lane[0])):
            yield queue


class UntakenQueues:
    """Remembers them: to find them, Redis has to look at all its keys."""

    def __init__(
        self,
        redis: Redis,
        accounts: Collection[str],
        every_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every_s`: seconds between two searches."""
        self._redis = redis
        self._accounts = accounts
        self._every_s = every_s
        self._clock = clock
        self._search_at = -inf
        self._queues: Sequence[StrayQueue] = ()

    def read(self) -> Sequence[StrayQueue]:
        """As they were found last. Raises RedisError."""
        if (now := self._clock()) >= self._search_at:
            self._queues = tuple(untaken_queues(self._redis, self._accounts))
            self._search_at = now + self._every_s
        return self._queues


def is_misnamed(queue: StrayQueue) -> bool:
    """Whether its name is that of no lane of any account."""
    return queue.lane is None


def holds(redis: Redis, queue: StrayQueue, job_id: str) -> bool:
    """Whether the job's message is among the queue's next ones. Raises RedisError."""
    wanted = job_id.encode()
    for key in queue_keys(queue.name):
        for last in range(-1, -1 - _LOOKED_AT, -_AT_ONCE):
            messages: Any = redis.lrange(key, last - _AT_ONCE + 1, last)
            likely = (message for message in messages if wanted in message)
            if any(QueuedMessage.parse(message).job_id == job_id for message in likely):
                return True
            if len(messages) < _AT_ONCE:
                break
    return False
