"""The Celery app by which commands send jobs and ask workers."""

from __future__ import annotations

from celery import Celery

from revio_jobs.celery_app import producer_app
from settings import RedisSettings


def app_of(settings: RedisSettings) -> Celery:
    """A Celery app on the Redis that the settings name."""
    return producer_app(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)
