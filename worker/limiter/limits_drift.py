"""Whether all workers of an account go by the same limits: each notes its own for all to see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import BaseModel
from redis import Redis
from redis.exceptions import RedisError

from worker.redis_kit.scripts import fail_closed

_log = structlog.get_logger(__name__)

NOTED_EVERY_S = 30.0
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
    """A live worker has another value than ours."""

    account: str
    worker: str
    setting: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"{self.setting} is {self.theirs} at {self.worker}, and {self.ours} here"


def differences(redis: Redis, account: str, settings: BaseModel) -> list[Difference]:
    """Between these settings and those of the account's live workers. Raises RedisError."""
    ours, now = _limits(settings), redis.time()[0]
    noted: Mapping[Any, Any] = redis.hgetall(_key(account))
    found = ((worker.decode(), json.loads(note)) for worker, note in sorted(noted.items()))
    return [
        Difference(account, worker, name, value, note["limits"][name])
        for worker, note in found
        if now - note["at"] <= _KEPT_S
        for name, value in ours.items()
        if note["limits"].get(name, value) != value
    ]


class Agreement:
    """One worker's notes."""

    def __init__(self, redis: Redis, accounts: Mapping[str, BaseModel], worker: str) -> None:
        self._redis = redis
        self._accounts = accounts
        self._worker = worker
        self._told: set[Difference] = set()

    def note(self) -> None:
        """Say that we live and what our limits are; log each new difference. Raises Unavailable."""
        with fail_closed("the workers' limits"):
            for account, settings in self._accounts.items():
                note = {"at": self._redis.time()[0], "limits": _limits(settings)}
                self._redis.hset(_key(account), self._worker, json.dumps(note))
                self._redis.expire(_key(account), _KEPT_S)
                for each in set(differences(self._redis, account, settings)) - self._told:
                    self._told.add(each)
                    _log.warning(
                        "settings_differ",
                        account=account,
                        setting=each.setting,
                        ours=each.ours,
                        theirs=each.theirs,
                        of=each.worker,
                    )

    def leave(self) -> None:
        """We end: a worker that follows may have other limits."""
        with suppress(RedisError):
            for account in self._accounts:
                self._redis.hdel(_key(account), self._worker)


def _limits(settings: BaseModel) -> dict[str, object]:
    return settings.model_dump(mode="json", include=_NOTED)


def _key(account: str) -> str:
    return f"revio:{account}:limits"
