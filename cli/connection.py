"""The Redis that commands talk to."""

from __future__ import annotations

from redis import Redis

from revio_jobs.connection import connect_redis
from settings import RedisSettings


def redis_of(settings: RedisSettings) -> Redis:
    """A client of the Redis that the settings name."""
    return connect_redis(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)
