"""Republishes what the broker has lost, and wakes what is due.

A message is lost when Redis forgets its last moments, or when somebody deletes a queue. The ledger
still knows those jobs: there they wait, but no queue and no worker holds them.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import structlog
from redis import Redis

from revio_jobs.broker import queue_keys
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.ledger_keys import LedgerKeys
from worker.ledger.republisher import Republisher
from worker.redis_kit.existing import existing
from worker.redis_kit.leader_lease import LeaderLease, leader_key
from worker.redis_kit.scripts import fail_closed

_log = structlog.get_logger(__name__)

_AT_ONCE = 500
_LOOKED_AT_IN_QUEUE = 200
_LEADER = "revio:sweeper"


@dataclass(frozen=True, slots=True)
class Swept:
    """How many jobs were put into a queue again, by reason."""

    due: int = 0
    """Their time to be tried again had come."""
    lease_expired: int = 0
    """Their worker's lease had run out."""
    lost: int = 0
    """Neither a queue nor a worker held them."""


class Sweeper:
    """One of the workers with these accounts sweeps at a time; when it dies, another does after a
    few rounds.
    """

    def __init__(
        self,
        redis: Redis,
        republisher: Republisher,
        accounts: Iterable[str],
        *,
        interval_s: float,
        lost_after_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._republisher = republisher
        names = tuple(accounts)
        self._accounts = {key: account for account in names for key in _keys(account)}
        self._leader_key = leader_key(_LEADER, names)
        self._lease = LeaderLease(redis, round(interval_s * 3000))
        self._lost_after_s = lost_after_s
        self._clock = clock
        self._me = uuid.uuid4().hex
        self._missing_since: dict[tuple[str, str], float] = {}

    def sweep(self) -> Swept | None:
        """One round; None when another worker does it. Raises Unavailable."""
        with fail_closed("the ledger"):
            if not self._lease.take(self._leader_key, self._me):
                self._missing_since.clear()
                return None
            busy = self._with_jobs()
            self._missing_since = {
                job: since for job, since in self._missing_since.items() if job[0] in busy
            }
            rounds = [self._sweep(account) for account in sorted(set(busy.values()))]
        swept = Swept(*map(sum, zip(*map(_counts, rounds), strict=True)))
        if swept != Swept():
            _log.info(
                "jobs_put_back", due=swept.due, abandoned=swept.lease_expired, lost=swept.lost
            )
        return swept

    def _with_jobs(self) -> dict[str, str]:
        """Accounts that have updates which have not ended, by the keys that say so."""
        return {key: self._accounts[key] for key in existing(self._redis, self._accounts)}

    def _sweep(self, account: str) -> Swept:
        keys = LedgerKeys(account)
        seconds, micros = self._redis.time()
        now_ms = seconds * 1000 + micros / 1000
        return Swept(
            due=self._republish_due(account, keys.delayed, now_ms),
            lease_expired=self._republish_due(account, keys.running, now_ms),
            lost=sum(self._republish_lost(account, lane) for lane in Lane),
        )

    def _republish_due(self, account: str, key: str, now_ms: float) -> int:
        entries = self._redis.zrangebyscore(key, 0, now_ms, start=0, num=_AT_ONCE, withscores=True)
        return sum(
            self._republisher.republish(account, job_id, key, score, front=False)
            for job_id, score in _scores(entries).items()
        )

    def _republish_lost(self, account: str, lane: Lane) -> int:
        """Those that wait since before the queue's oldest job, and have been missing for a while.

        A job is missing for a moment between leaving the queue and being claimed, too.
        """
        key = LedgerKeys(account).waiting(lane)
        missing = self._missing(account, lane)
        now = self._clock()
        known = {(key, job_id): self._missing_since.get((key, job_id), now) for job_id in missing}
        self._missing_since = {
            job: since for job, since in self._missing_since.items() if job[0] != key
        } | known
        return sum(
            self._republisher.republish(account, job_id, key, score, front=False)
            for job_id, score in missing.items()
            if now - known[key, job_id] >= self._lost_after_s
        )

    def _missing(self, account: str, lane: Lane) -> dict[str, float]:
        key, queues = LedgerKeys(account).waiting(lane), queue_keys(queue_name(account, lane))
        # First the waiting jobs, then the queue: what is published in between is in neither.
        waiting = _scores(self._redis.zrange(key, 0, _AT_ONCE - 1, withscores=True))
        fronts: list[list[Any]] = [
            self._redis.lrange(queue, -_LOOKED_AT_IN_QUEUE, -1) for queue in queues
        ]
        queued = {_job_id(message) for front in fronts for message in front}
        known = [score for score in self._redis.zmscore(key, [*queued, ""]) if score is not None]
        # Nothing is known about the rest of the queue if no job of the ledger was seen in it.
        is_long = any(len(front) == _LOOKED_AT_IN_QUEUE for front in fronts)
        first = min(known, default=-inf if is_long else inf)
        return {
            job_id: score
            for job_id, score in waiting.items()
            if job_id not in queued and score < first
        }


def _keys(account: str) -> Iterator[str]:
    keys = LedgerKeys(account)
    yield from (keys.delayed, keys.running, *map(keys.waiting, Lane))


def _scores(entries: Any) -> dict[str, float]:  # noqa: ANN401 - as loosely typed as redis-py
    return {job_id.decode(): score for job_id, score in entries}


def _job_id(message: bytes) -> str:
    try:
        return str(json.loads(message)["headers"]["id"]).encode(errors="replace").decode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # not of Celery's form; the worker will refuse it


def _counts(swept: Swept) -> tuple[int, int, int]:
    return swept.due, swept.lease_expired, swept.lost
