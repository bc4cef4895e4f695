"""A lease in Redis: at most one holder at a time, and nothing to unlock when the holder dies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from redis import Redis

from worker.redis_kit.scripts import load_script


def leader_key(name: str, accounts: Iterable[str]) -> str:
    """The lease of whoever does something for all these accounts.

    Workers that share a Redis need not have the same accounts in their settings. Under one key the
    leader could be one that knows nothing of the others' accounts, and keeps everybody from them.
    """
    digest = hashlib.sha256("\n".join(sorted(accounts)).encode()).hexdigest()
    return f"{name}:{digest[:16]}"


class LeaderLease:
    """Held under a token for `ttl_ms` milliseconds from the last `take`."""

    def __init__(self, redis: Redis, ttl_ms: int) -> None:
        self._redis = redis
        self._ttl_ms = ttl_ms
        self._release = load_script(redis, "worker.redis_kit", "release")

    def take(self, key: str, token: str) -> bool:
        """Take or renew the lease; False if another token holds it. Raises RedisError."""
        if self._redis.set(key, token, nx=True, px=self._ttl_ms):
            return True
        if self._redis.get(key) != token.encode():
            return False
        self._redis.pexpire(key, self._ttl_ms)
        return True

    def release(self, key: str, token: str) -> None:
        """Give the lease back at once, if the token still holds it. Raises RedisError."""
        self._release(keys=[key], args=[token])
