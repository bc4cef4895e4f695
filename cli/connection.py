"""The Redis that commands talk to, as a client and as a Celery app."""

from __future__ import annotations

from celery import Celery
from redis import Redis

from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis
from settings import RedisSettings


def redis_of(settings: RedisSettings) -> Redis:
    """A client of the Redis that the settings name."""
    return connect_redis(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)


def app_of(settings: RedisSettings) -> Celery:
    """A Celery app on the Redis that the settings name."""
    return producer_app(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)
