"""How many jobs of each lane have not ended, and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from revio_jobs.broker import HELD, LATER, queue_keys
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.ledger_keys import LedgerKeys
from worker.redis_kit.scripts import load_script

# Per script call, during which Redis serves nobody else.
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class LaneJobs:
    """The unfinished jobs of one lane. Each is counted in one place."""

    queued: int
    """Messages in the queue."""
    held: int
    """Messages that a worker has taken: their jobs run, or wait for a call."""
    put_off: int
    """Messages that come again later: queries between two attempts."""
    delayed: int
    """Updates until their next attempt, or until their product is free."""

    @property
    def unfinished(self) -> int:
        """All of them."""
        return self.queued + self.held + self.put_off + self.delayed


@dataclass
class _Held:
    """Messages of one list that workers hold."""

    now: int = 0
    later: int = 0


class LaneJobCounter:
    """Counts the jobs of one account. Every method raises RedisError."""

    def __init__(self, redis: Redis, account: str) -> None:
        self._redis = redis
        self._account = account
        self._keys = LedgerKeys(account)
        self._count_held = load_script(redis, "worker.queues", "count_held")
        self._count_lanes = load_script(redis, "worker.queues", "count_lanes")

    def count(self) -> Mapping[Lane, LaneJobs]:
        """The counts by lane. Each number is exact, but each is taken at another moment."""
        delayed = self._delayed()
        lists = {lane: queue_keys(queue_name(self._account, lane)) for lane in Lane}
        held = self._held([key for keys in lists.values() for key in keys])
        return {lane: self._of(keys, held, delayed[lane.value]) for lane, keys in lists.items()}

    def _of(self, keys: Sequence[str], held: Mapping[str, _Held], delayed: int) -> LaneJobs:
        queued = sum(int(self._redis.llen(key)) for key in keys)
        now = sum(held[key].now for key in keys)
        return LaneJobs(queued, now, sum(held[key].later for key in keys), delayed)

    def _held(self, keys: Sequence[str]) -> Mapping[str, _Held]:
        """By the queue's list."""
        held = {key: _Held() for key in keys}
        cursor: bytes | int = 0
        while True:
            cursor, *counts = self._count_held(keys=[HELD, LATER, *keys], args=[cursor, _AT_ONCE])
            for key, now, later in zip(keys, counts[::2], counts[1::2], strict=True):
                held[key].now += now
                held[key].later += later
            if not int(cursor):
                return held

    def _delayed(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        jobs = int(self._redis.zcard(self._keys.delayed))
        for first in range(0, jobs, _AT_ONCE):
            answer: list[Any] = self._count_lanes(
                keys=[self._keys.delayed, self._keys.record("")],
                args=[first, first + _AT_ONCE - 1],
            )
            for lane, count in zip(answer[::2], answer[1::2], strict=True):
                counts[lane.decode()] += count
        return counts
