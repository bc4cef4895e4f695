"""What the producer's commands talk through. They need Redis, and no account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cli.connection import redis_of
from cli.jobs.job_status import Lookup
from cli.producer import app_of
from revio_jobs import RevioJobs
from revio_jobs.results import ResultStore
from settings import load_redis


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
