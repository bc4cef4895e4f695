"""Finding keys by a pattern, without the prefix that the connection puts before them."""

from __future__ import annotations

from collections.abc import Iterator

from redis import Redis

from revio_jobs.key_prefix import key_prefix_of
from worker.redis_kit.reply import text


def scan_keys(
    redis: Redis, pattern: str, *, at_once: int, kind: str | None = None
) -> Iterator[str]:
    """Keys that match the pattern, perhaps some twice; `kind` is Redis's name of their type.

    Redis looks at `at_once` keys per command. Raises RedisError.
    """
    prefix = key_prefix_of(redis.connection_pool)
    keys = redis.scan_iter(pattern, count=at_once, _type=kind)
    return (prefix.strip(text(key)) for key in keys)
