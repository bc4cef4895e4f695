"""What the producer's commands talk through. They need Redis, and no account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from celery import Celery
from redis import Redis

from cli.jobs.job_status import Lookup
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis
from revio_jobs.results import ResultStore
from settings import RedisSettings, load_redis


@dataclass(frozen=True, slots=True)
class Connection:
    """Submits jobs and finds them again."""

    jobs: RevioJobs
    lookup: Lookup


@contextmanager
def connected() -> Iterator[Connection]:
    """To the Redis of the settings. Raises SettingsError; Redis itself is asked at first use."""
    settings = load_redis()
    app, redis = app_of(settings), redis_of(settings)
    with RevioJobs(app, redis) as jobs:
        yield Connection(jobs, Lookup(redis, ResultStore(app, redis)))


def redis_of(settings: RedisSettings) -> Redis:
    """A client of the Redis that the settings name."""
    return connect_redis(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)


def app_of(settings: RedisSettings) -> Celery:
    """A Celery app on the Redis that the settings name."""
    return producer_app(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)
