"""Whether all workers of an account use the same limits: each publishes its own in Redis."""

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
    """A live worker's value of a setting that differs from ours."""

    account: str
    worker: str
    setting: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"{self.setting} is {self.theirs} at {self.worker}, and {self.ours} here"


def differences(redis: Redis, account: str, settings: BaseModel) -> list[Difference]:
    """How the settings of the account's live workers differ from these. Raises RedisError."""
    ours, now = _limits(settings), redis.time()[0]
    stored: Mapping[Any, Any] = redis.hgetall(_key(account))
    notes = ((worker.decode(), json.loads(note)) for worker, note in sorted(stored.items()))
    return [
        Difference(account, worker, name, value, note["limits"][name])
        for worker, note in notes
        if now - note["at"] <= _KEPT_S
        for name, value in ours.items()
        if note["limits"].get(name, value) != value
    ]


class Agreement:
    """Publishes one worker's limits and compares them with the others'."""

    def __init__(self, redis: Redis, accounts: Mapping[str, BaseModel], worker: str) -> None:
        self._redis = redis
        self._accounts = accounts
        self._worker = worker
        self._logged: set[Difference] = set()

    def note(self) -> None:
        """Publish our limits and log each new difference. Raises Unavailable."""
        with fail_closed("the workers' limits"):
            for account, settings in self._accounts.items():
                note = {"at": self._redis.time()[0], "limits": _limits(settings)}
                self._redis.hset(_key(account), self._worker, json.dumps(note))
                self._redis.expire(_key(account), _KEPT_S)
                for difference in set(differences(self._redis, account, settings)) - self._logged:
                    self._logged.add(difference)
                    _log.warning(
                        "settings_differ",
                        account=account,
                        setting=difference.setting,
                        ours=difference.ours,
                        theirs=difference.theirs,
                        of=difference.worker,
                    )

    def leave(self) -> None:
        """Withdraw our limits when we end: our successor may have others."""
        with suppress(RedisError):
            for account in self._accounts:
                self._redis.hdel(_key(account), self._worker)


def _limits(settings: BaseModel) -> dict[str, object]:
    return settings.model_dump(mode="json", include=_NOTED)


def _key(account: str) -> str:
    return f"revio:{account}:limits"
