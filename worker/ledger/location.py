"""Where one job is now, and what it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from revio_jobs.broker import queue_keys
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.ledger_keys import LedgerKeys
from worker.queues.queued_message import QueuedMessage
from worker.redis_kit.scripts import fail_closed

# How many of the next jobs of each queue are searched for one that is nowhere else.
_LOOKED_AT = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class HasEnded:
    """It has ended; `how` is its outcome, or the class of its error."""

    how: str
    at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class IsRunning:
    """A worker has it."""

    lease_ends_at: float
    """Unix time, seconds. After that another worker gets it."""
    sent: frozenset[str]
    """The fields that were sent and not confirmed."""


@dataclass(frozen=True, slots=True)
class IsDelayed:
    """It is tried again when its time has come."""

    due_at: float
    """Unix time, seconds."""
    sent: frozenset[str]
    """The fields that were sent and not confirmed; empty if none was sent."""
    deferred: bool = False
    """Whether it only waits until a query can be relied on; it has not failed."""


@dataclass(frozen=True, slots=True)
class IsParked:
    """Another job has its product, or comes before it."""

    product_id: int
    behind: str | None
    """The job that it waits for; None if that one has just ended and this one is next."""


@dataclass(frozen=True, slots=True)
class IsQueued:
    """It is in its lane's queue."""

    ahead: int
    """Jobs that come before it; of an update, only updates are counted, and those that came in the
    same millisecond in any order."""
    queries: int
    """For an update: queries in the queue, of which some may be ahead, too."""


Place = HasEnded | IsRunning | IsDelayed | IsParked | IsQueued


@dataclass(frozen=True, slots=True)
class JobLocation:
    """A job at one moment."""

    account: str
    job_id: str
    place: Place
    lane: Lane | None = None
    """None once the job has ended."""
    product_id: int | None = None
    accepted_at: float | None = None
    """Unix time, seconds."""
    attempts: int = 0
    source: str | None = None
    """The service that submitted it, if that is known."""


def locate(redis: Redis, account: str, job_id: str) -> JobLocation | None:
    """Find the job; None if the ledger does not know it and it is not near the front of a queue.

    Raises Unavailable.
    """
    with fail_closed("the ledger"):
        return _Reader(redis, account, job_id).read()


class _Reader:
    def __init__(self, redis: Redis, account: str, job_id: str) -> None:
        self._redis = redis
        self._account = account
        self._job_id = job_id
        self._keys = LedgerKeys(account)

    def read(self) -> JobLocation | None:
        record = _texts(self._redis.hgetall(self._keys.record(self._job_id)))
        if not record:
            return self._in_a_queue()
        if "ended" in record:
            ended = HasEnded(record["ended"], int(record["at"]) / 1000)
            return JobLocation(self._account, self._job_id, ended)
        lane = Lane(record["lane"])
        payload = json.loads(record["payload"])
        product_id = int(payload["id"])
        return JobLocation(
            self._account,
            self._job_id,
            self._place(record, lane, product_id),
            lane=lane,
            product_id=product_id,
            accepted_at=int(record["accepted"]) / 1000,
            attempts=int(record["attempts"]),
            source=payload.get("source"),
        )

    def _place(self, record: Mapping[str, str], lane: Lane, product_id: int) -> Place:
        keys, job_id = self._keys, self._job_id
        sent = frozenset(filter(None, record.get("sent", "").split(",")))
        with self._redis.pipeline() as pipeline:
            pipeline.zscore(keys.running, job_id)
            pipeline.zscore(keys.parked(product_id), job_id)
            pipeline.zscore(keys.delayed, job_id)
            pipeline.zrank(keys.waiting(lane), job_id)
            pipeline.zcard(keys.waiting(lane))
            pipeline.llen(queue_name(self._account, lane))
            running, parked, delayed, rank, waiting, queued = pipeline.execute()
        if running is not None:
            return IsRunning(running / 1000, sent)
        if parked is not None:
            return IsParked(product_id, self._before(product_id, parked))
        if delayed is not None:
            return IsDelayed(delayed / 1000, sent, deferred="deferred" in record)
        return IsQueued(rank or 0, max(queued - waiting, 0))

    def _before(self, product_id: int, sequence: float) -> str | None:
        """The job that has the product, else the first that waits for it."""
        with self._redis.pipeline() as pipeline:
            pipeline.hget(self._keys.product(product_id), "holder")
            pipeline.zrangebyscore(
                self._keys.line(product_id), "-inf", f"({sequence:.0f}", start=0, num=1
            )
            holder, before = pipeline.execute()
        ahead = (job_id.decode() for job_id in (holder, *before) if job_id)
        return next((job_id for job_id in ahead if job_id != self._job_id), None)

    def _in_a_queue(self) -> JobLocation | None:
        """A query, or a raw message that no worker has taken: only the queue has it."""
        for lane in Lane:
            ahead = 0
            for key in queue_keys(queue_name(self._account, lane)):
                for message in self._next_messages(key):
                    if self._is_of_the_job(message):
                        source, place = QueuedMessage.parse(message).source, IsQueued(ahead, 0)
                        return JobLocation(self._account, self._job_id, place, lane, source=source)
                    ahead += 1
        return None

    def _next_messages(self, key: str) -> Iterator[bytes]:
        """Those of a queue's list that are taken next, the first one first."""
        for last in range(-1, -1 - _LOOKED_AT, -_AT_ONCE):
            messages: Any = self._redis.lrange(key, last - _AT_ONCE + 1, last)
            yield from reversed(messages)
            if len(messages) < _AT_ONCE:
                return

    def _is_of_the_job(self, message: bytes) -> bool:
        """A message may quote the id of another job. It is parsed only if it does."""
        return self._job_id.encode() in message and (
            QueuedMessage.parse(message).job_id == self._job_id
        )


def _texts(fields: Any) -> dict[str, str]:  # noqa: ANN401 - as loosely typed as redis-py
    return {name.decode(): value.decode() for name, value in fields.items()}
