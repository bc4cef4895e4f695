"""What Celery's backend keeps of a job, with our shorter way to Redis."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery
from celery.contrib.abortable import AbortableAsyncResult
from celery.result import AsyncResult
from redis import Redis

from revio_jobs.celery_app import WIRE_SETTINGS
from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S
from worker.celery_app.result_backend import backend_url

KEPT_S = 60


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    with Celery(backend=backend_url(redis_url), set_as_current=False) as app:
        app.conf.update(WIRE_SETTINGS, result_expires=KEPT_S)
        yield app


def test_a_success_is_not_replaced_by_what_a_second_delivery_says(app: Celery) -> None:
    for value, state in ((None, "STARTED"), ({"calls": 1}, "SUCCESS"), (None, "STARTED")):
        app.backend.store_result("job", value, state)
    app.backend.mark_as_failure("job", Unavailable("no answer"))
    assert (AsyncResult("job", app=app).state, AsyncResult("job", app=app).get(1)) == (
        "SUCCESS",
        {"calls": 1},
    )


def test_an_abort_is_refused_and_leaves_the_result_as_it_is(app: Celery) -> None:
    """As Flower's API sends it."""
    app.backend.mark_as_failure("job", Unavailable("no answer"))
    with pytest.raises(NotImplementedError, match="revoke ends one that has not begun"):
        AbortableAsyncResult("job", app=app).abort()
    assert AsyncResult("job", app=app).state == "FAILURE"


def test_a_failure_is_replaced_when_the_job_goes_well_after_all(app: Celery) -> None:
    app.backend.mark_as_failure("job", Unavailable("no answer"))
    app.backend.mark_as_done("job", {"calls": 2})
    assert AsyncResult("job", app=app).get(1) == {"calls": 2}


@pytest.mark.parametrize("left", [pickle.dumps({"status": "SENT"}), b"null", b"[", ["a list"]])
def test_what_another_app_has_left_under_the_id_gives_way(
    app: Celery, redis_url: str, left: bytes | list[str]
) -> None:
    key = app.backend.get_key_for_task("job")
    with Redis.from_url(redis_url) as redis:
        redis.rpush(key, *left) if isinstance(left, list) else redis.set(key, left)
        with ThreadPoolExecutor(1) as threads:
            kept = threads.submit(app.backend.mark_as_done, "job", {"calls": 3})
            try:
                kept.result(timeout=PATIENCE_S)
            except TimeoutError:
                redis.delete(key)
                raise
    assert AsyncResult("job", app=app).get(1) == {"calls": 3}


def test_a_result_waits_until_a_full_redis_has_room(app: Celery, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, ThreadPoolExecutor(1) as threads:
        redis.config_set("maxmemory", "1")
        try:
            kept = threads.submit(app.backend.mark_as_done, "job", {"calls": 3})
            time.sleep(0.3)
            assert not kept.done()
            assert not redis.exists(app.backend.get_key_for_task("job"))
        finally:
            redis.config_set("maxmemory", "0")
        kept.result(timeout=PATIENCE_S)
    assert AsyncResult("job", app=app).get(1) == {"calls": 3}


def test_who_listens_is_told_and_the_result_goes_in_time(app: Celery, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, redis.pubsub() as listening:
        key = app.backend.get_key_for_task("job")
        listening.subscribe(key)
        assert listening.get_message(timeout=PATIENCE_S)
        app.backend.mark_as_done("job", "ü")
        told = listening.get_message(timeout=PATIENCE_S)
        assert told
        assert told["data"] == redis.get(key)
        assert 0 < redis.ttl(key) <= KEPT_S


def test_an_error_of_ours_is_kept_without_its_traceback(app: Celery) -> None:
    app.backend.mark_as_failure("ours", Unavailable("no answer"), "Traceback …")
    app.backend.mark_as_failure("other", ValueError("?"), "Traceback …")
    assert AsyncResult("ours", app=app).traceback is None
    assert AsyncResult("other", app=app).traceback == "Traceback …"
