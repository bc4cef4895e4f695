"""How often somebody may try to sign in."""

from __future__ import annotations

from redis import Redis

_PREFIX = "revio:console:login:"
_WINDOW_S = 900
_TRIES_BY_NAME = 10
_TRIES_BY_ADDRESS = 50


class LoginLimit:
    """Counts the tries of 15 minutes, over all consoles. Methods raise RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def wait_s(self, name: str, address: str) -> int:
        """Spend a try: 0 if it is allowed, else the seconds until another one is.

        It is counted before the password is looked at, so concurrent tries stay within the limit.
        """
        return max(
            self._spend(f"name:{name[:200].lower()}", _TRIES_BY_NAME),
            self._spend(f"address:{address[:200]}", _TRIES_BY_ADDRESS),
        )

    def forget(self, name: str, address: str) -> None:
        """Whoever has signed in has all tries of their name again, and has spent none of the
        address's: many people may come from one.
        """
        key = f"{_PREFIX}address:{address[:200]}"
        with self._redis.pipeline() as pipeline:
            pipeline.delete(f"{_PREFIX}name:{name[:200].lower()}")
            pipeline.set(key, 1, ex=_WINDOW_S, nx=True)
            pipeline.decr(key)
            pipeline.execute()

    def _spend(self, what: str, tries: int) -> int:
        key = f"{_PREFIX}{what}"
        with self._redis.pipeline() as pipeline:
            pipeline.set(key, 0, ex=_WINDOW_S, nx=True)
            pipeline.incr(key)
            pipeline.ttl(key)
            _, spent, left_s = pipeline.execute()
        return max(int(left_s), 1) if int(spent) > tries else 0
