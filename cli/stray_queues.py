"""Queues with a name like ours from which no worker takes: a producer has mistyped it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from redis import Redis

from revio_jobs import Lane
from revio_jobs.broker import queue_keys, queue_of
from revio_jobs.contracts import parse_queue_name, queue_name
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
    def fix(self) -> str:
        """What to do about it."""
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


def is_misnamed(queue: StrayQueue) -> bool:
    """Whether its name is that of no lane of any account."""
    return parse_queue_name(queue.name) is None


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
