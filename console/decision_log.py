"""What operators have decided in the console, by account: who, what, when and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from campaigns.store.audit_log import AuditEntry, entry, read_entry

_KEPT = 10_000


class DecisionLog:
    """Beside the audit logs of runs, which have what was decided about them. Raises RedisError."""

    def __init__(self, redis: Redis, account: str, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._key = f"revio:console:{account}:decisions"
        self._clock = clock

    def note(self, by: str, what: str, reason: str) -> None:
        """The latest."""
        noted = entry(self._clock(), by, what, reason)
        self._redis.xadd(self._key, {"entry": noted}, maxlen=_KEPT)

    def latest(self, count: int) -> list[AuditEntry]:
        """The newest first."""
        notes: Any = self._redis.xrevrange(self._key, count=count)
        return [read_entry(fields[b"entry"]) for _, fields in notes]
