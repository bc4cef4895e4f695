"""The word for a job that has not ended: the ledger's before Celery's, which may be an old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from celery import Celery
from redis import Redis

from cli.jobs.job_status import Lookup, State
from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.message import encode_message
from revio_jobs.results import PROGRESS, ResultStore
from tasks.ports import Claimed
from worker.celery_app.result_backend import backend_url
from worker.ledger import LedgerTimes, RedisLedger


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    with producer_app(redis_url) as made:
        yield made


@pytest.fixture
def workers_word(redis_url: str) -> Iterator[Callable[[str, str], None]]:
    """Has a worker's Celery note the state of a job."""
    with Celery(backend=backend_url(redis_url), set_as_current=False) as app:
        yield lambda job_id, state: app.backend.store_result(job_id, None, state)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def test_an_update_runs_while_a_worker_has_it_and_waits_again_after_a_failure(
    app: Celery, redis: Redis, workers_word: Callable[[str, str], None]
) -> None:
    ledger = RedisLedger(redis, LedgerTimes(60.0), partial(encode_message, app))
    lookup = Lookup(redis, ResultStore(app, redis))
    job = UpdateJob(id=1, rate="1", idempotency_key="k")
    handle = RevioJobs(app, redis).submit([job], Lane.BULK)[0]

    def state() -> State:
        return lookup.status("default", handle.job_id).state

    assert state() is State.WAITING
    workers_word(handle.job_id, "STARTED")
    claim = ledger.claim(job, handle.job_id, Lane.BULK)
    assert isinstance(claim, Claimed)
    assert state() is State.RUNNING
    ledger.delay(claim.lease, 60.0, unknown=False, why="no answer")
    assert state() is State.WAITING


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ("STARTED", State.RUNNING),
        (PROGRESS, State.RUNNING),
        ("RETRY", State.WAITING),
        ("PENDING", State.UNKNOWN),
    ],
)
def test_of_a_query_there_is_only_celerys_word(
    app: Celery, redis: Redis, workers_word: Callable[[str, str], None], told: str, word: State
) -> None:
    workers_word("query", told)
    assert Lookup(redis, ResultStore(app, redis)).status("default", "query").state is word
