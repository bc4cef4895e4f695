"""Whether an account's workers use the same limits, and clocks that agree with Redis's.

Each worker publishes in Redis its own limits, its release, the lanes that it serves, and by how
much its clock differs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

import structlog
from pydantic import BaseModel
from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.contracts import Lane
from revio_jobs.version import __version__
from worker.redis_kit.scripts import fail_closed

_log = structlog.get_logger(__name__)

NOTED_EVERY_S = 30.0
CLOCK_MAY_DIFFER_S = 2.0
_KEPT_S = 75
_NOTED = {
    "calls_per_minute",
    "calls_per_day",
    "day_reset_hour",
    "day_reset_timezone",
    "bulk_headroom_per_minute",
    "bulk_reserve_per_day",
    "bulk_policy",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A live worker's value of a setting that differs from ours."""

    account: str
    worker: str
    setting: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"{self.setting} is {self.theirs} at {self.worker}, and {self.ours} here"


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker that has reported lately."""

    name: str
    version: str | None
    """Its release; None if that release did not report it yet."""
    lanes: frozenset[Lane]
    """The account's lanes that it serves, open or not; all lanes if its release did not say."""


def live_workers(redis: Redis, account: str) -> list[LiveWorker]:
    """The account's workers that have reported lately, by name. Raises RedisError."""
    return [
        LiveWorker(name, note.get("version"), frozenset(map(Lane, note.get("lanes", Lane))))
        for name, note in _notes(redis, account)
    ]


def differences(redis: Redis, account: str, settings: BaseModel) -> list[Difference]:
    """How the settings of the account's live workers differ from these. Raises RedisError."""
    return _differences(account, settings, _notes(redis, account))


def _differences(
    account: str, settings: BaseModel, notes: Iterable[tuple[str, Mapping[str, Any]]]
) -> list[Difference]:
    ours = _limits(settings)
    return [
        Difference(account, worker, name, value, note["limits"][name])
        for worker, note in notes
        for name, value in ours.items()
        if note["limits"].get(name, value) != value
    ]


def clock_offsets(redis: Redis, account: str) -> dict[str, float]:
    """Seconds by which clocks are ahead of Redis's, by live worker that is off by over 2 s.

    Raises RedisError.
    """
    offsets = {worker: note.get("clock_s", 0.0) for worker, note in _notes(redis, account)}
    return {worker: off for worker, off in offsets.items() if abs(off) > CLOCK_MAY_DIFFER_S}


class PublishedLimits:
    """Publishes one worker's limits and compares them with the others'."""

    def __init__(
        self,
        redis: Redis,
        accounts: Mapping[str, BaseModel],
        worker: str,
        clock: Callable[[], float] = time.time,
        lanes: Callable[[], Iterable[tuple[str, Lane]]] | None = None,
    ) -> None:
        """`clock`: Unix time by this host. `lanes`: what the worker serves now; all if omitted."""
        self._redis = redis
        self._lanes = lanes
        self._clock = clock
        self._is_clock_off = False
        self._accounts = accounts
        self._worker = worker
        self._logged: set[Difference] = set()

    def publish(self) -> None:
        """Publish our limits and log each new difference, also of our clock. Raises Unavailable."""
        with fail_closed("the workers' limits"):
            now, off_s = self._clock_offset()
            self._log_clock(off_s)
            lanes = self._served()
            with self._redis.pipeline(transaction=False) as pipeline:
                for account, settings in self._accounts.items():
                    note = {
                        "at": now,
                        "limits": _limits(settings),
                        "clock_s": round(off_s, 2),
                        "version": __version__,
                        "lanes": sorted(lanes[account]),
                    }
                    pipeline.hset(_key(account), self._worker, json.dumps(note))
                    pipeline.expire(_key(account), _KEPT_S)
                    pipeline.hgetall(_key(account))
                stored = pipeline.execute()[2::3]
        for (account, settings), notes in zip(self._accounts.items(), stored, strict=True):
            self._log_differences(_differences(account, settings, _live(notes, now)))

    def _log_differences(self, differences: Iterable[Difference]) -> None:
        for difference in set(differences) - self._logged:
            self._logged.add(difference)
            _log.warning(
                "settings_differ",
                account=difference.account,
                setting=difference.setting,
                ours=difference.ours,
                theirs=difference.theirs,
                of=difference.worker,
            )

    def _served(self) -> dict[str, list[str]]:
        lanes = product(self._accounts, Lane) if self._lanes is None else self._lanes()
        served: dict[str, list[str]] = {account: [] for account in self._accounts}
        for account, lane in lanes:
            served.setdefault(account, []).append(lane.value)
        return served

    def _clock_offset(self) -> tuple[int, float]:
        """Redis's time, and the seconds by which our clock is ahead of it."""
        asked_at = self._clock()
        seconds, micros = self._redis.time()
        answered_at = self._clock()
        return seconds, (asked_at + answered_at) / 2 - (seconds + micros / 1e6)

    def _log_clock(self, off_s: float) -> None:
        was_off, self._is_clock_off = self._is_clock_off, abs(off_s) > CLOCK_MAY_DIFFER_S
        if self._is_clock_off and not was_off:
            fix = "let NTP set the clocks of this host and of Redis's"
            _log.warning("clock_is_off", ahead_of_redis_s=round(off_s, 1), fix=fix)

    def leave(self) -> None:
        """Withdraw our limits when we end: our successor may have others."""
        with suppress(RedisError), self._redis.pipeline(transaction=False) as pipeline:
            for account in self._accounts:
                pipeline.hdel(_key(account), self._worker)
            pipeline.execute()


def _notes(redis: Redis, account: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The limits of the account's live workers, by worker name."""
    stored: Mapping[Any, Any] = redis.hgetall(_key(account))
    return _live(stored, redis.time()[0])


def _live(stored: Mapping[Any, Any], now: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for worker, text in sorted(stored.items()):
        note = json.loads(text)
        if now - note["at"] <= _KEPT_S:
            yield worker.decode(), note


def _limits(settings: BaseModel) -> dict[str, object]:
    return settings.model_dump(mode="json", include=_NOTED)


def _key(account: str) -> str:
    return f"revio:{account}:limits"
