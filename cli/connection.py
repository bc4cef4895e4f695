"""What the producer's commands talk through. They need Redis, and no account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from cli.job_status import Lookup
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.results import ResultStore
from settings import load_redis

_TIMEOUT_S = 4.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Submits jobs and finds them again."""

    jobs: RevioJobs
    lookup: Lookup


@contextmanager
def connected() -> Iterator[Connection]:
    """To the Redis of the settings. Raises SettingsError; Redis itself is asked at first use."""
    url = load_redis().redis_url.get_secret_value()
    app, redis = producer_app(url), Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S)
    with RevioJobs(app, redis) as jobs:
        yield Connection(jobs, Lookup(redis, ResultStore(app, redis)))
