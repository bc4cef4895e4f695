"""Real workers that lose Redis, are killed, are asked to stop, or are sent nonsense."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import Lane, QueryJob, RevioJobs, UpdateJob, as_completed, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UPDATE_TASK
from revio_jobs.handles import JobHandle
from tests.patience import PATIENCE_S, wait_until

QUEUE = "revio.default.bulk"
RATE = "7.7700"
# Short calls allow short leases, so that the jobs of the dead come again while a test waits.
FAST = {
    "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
    "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "2",
    "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "13",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_SWEEP_AFTER_S": "3",
}
# Every 25th rejects updates.
ACCEPTING = [product for product in range(5001, 10001) if product % 25]


@pytest.fixture
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": 2000, "calls_per_minute": 0, "latency": 0.03},
        environment=FAST,
        appendonly=True,
    ) as running:
        yield running


def submit(jobs: RevioJobs, products: Sequence[int]) -> list[JobHandle[Any]]:
    return jobs.submit(UpdateJob(id=product, rate=RATE) for product in products)


def begin(stack: Stack, jobs: RevioJobs, products: Sequence[int]) -> list[JobHandle[Any]]:
    """Submit; returns when the worker calls. However slow this process is, calls are to come."""
    before = stack.sandbox.calls()["received"]
    handles = submit(jobs, products)
    wait_until(lambda: stack.sandbox.calls()["received"] > before)
    return handles


def parts(count: int, size: int) -> Iterator[list[int]]:
    """Products that accept updates, one part after the other."""
    return (ACCEPTING[first : first + size] for first in range(0, count, size))


def outcomes(handles: list[JobHandle[Any]], timeout: float) -> Counter[str]:
    return Counter(handle.result(1).outcome for handle in as_completed(handles, timeout))


def executions(stack: Stack) -> Counter[int]:
    return Counter(len(done) for done in stack.sandbox.updates().values())


def test_five_restarts_of_redis_in_mid_run_lose_and_double_nothing(
    stack: Stack, jobs: RevioJobs
) -> None:
    handles = []
    for products in parts(1500, size=300):
        handles += begin(stack, jobs, products)
        time.sleep(0.3)
        stack.redis.kill()
        stack.redis.restart()
    assert outcomes(handles, timeout=PATIENCE_S) == {"applied": 1500}
    # The vendor was asked before anything of unknown outcome was sent again.
    assert executions(stack) == {1: 1500}


def test_jobs_of_a_killed_worker_are_done_once_by_the_next(stack: Stack, jobs: RevioJobs) -> None:
    handles = []
    for products in parts(2000, size=1000):
        handles += begin(stack, jobs, products)
        time.sleep(0.2)
        stack.services["bulk"].send(signal.SIGKILL)
        stack.services["bulk"].wait_or_kill()
        stack.services["bulk"].start()
        stack.wait_until_ready()
    assert outcomes(handles, timeout=PATIENCE_S) == {"applied": 2000}
    assert executions(stack) == {1: 2000}


def test_a_worker_that_is_asked_to_stop_repeats_nothing(stack: Stack, jobs: RevioJobs) -> None:
    handles = []
    for products in parts(300, size=150):
        handles += begin(stack, jobs, products)
        stack.services["bulk"].stop()
        stack.services["bulk"].start()
    assert outcomes(handles, timeout=PATIENCE_S) == {"applied": 300}
    calls = stack.sandbox.calls()["executed_by_operation"]
    assert calls["CustomerProducts_Update"] == 300
    assert "CustomerProducts_Query" not in calls


@pytest.fixture
def raw(stack: Stack) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app


INVALID: list[tuple[list[object], dict[str, object], str]] = [
    ([5001], {"rate": "1"}, "args"),
    ([], {"rate": "1"}, "id: required"),
    ([], {"id": 5001}, "no change"),
    ([], {"id": 5001, "rate": 1.5}, "rate: 1.5"),
    ([], {"id": 5001, "rate": "1", "price": "1"}, "price"),
    ([], {"id": 5001, "do_not_prorate": "no"}, "do_not_prorate"),
    ([], {"id": 5001, "rate": "1", "account": "nobody"}, "came by the queue revio.default"),
]


def test_nonsense_is_refused_and_the_worker_goes_on(
    stack: Stack, jobs: RevioJobs, raw: Celery
) -> None:
    with Redis.from_url(stack.redis.url) as redis:
        redis.lpush(QUEUE, "no message at all", json.dumps({"body": "?"}), b"\xff\xfe")
    raw.send_task("revio.unknown", kwargs={"note": "hunter2"}, queue=QUEUE)
    pickled, early = send(stack, serializer="pickle"), send(stack, protocol=1)
    nameless = raw.amqp.as_task_v2("", UPDATE_TASK, kwargs={"id": 5001, "rate": "1"})
    nameless.headers["id"] = None
    with raw.producer_pool.acquire() as producer:
        raw.amqp.send_task_message(producer, UPDATE_TASK, nameless, queue=QUEUE)
    refused = {
        names: raw.send_task(UPDATE_TASK, args, kwargs, queue=QUEUE)
        for args, kwargs, names in INVALID
    }
    for names, result in refused.items():
        with pytest.raises(errors.InvalidJob, match=names):
            result.get(timeout=PATIENCE_S)
    for task_id, names in ((pickled, "in JSON"), (early, "protocol 1")):
        with pytest.raises(errors.InvalidJob, match=names):
            raw.AsyncResult(task_id).get(timeout=PATIENCE_S)
    assert outcomes(submit(jobs, ACCEPTING[:5]), timeout=PATIENCE_S) == {"applied": 5}
    assert stack.sandbox.calls()["executed_by_operation"]["CustomerProducts_Update"] == 5
    log = stack.services["bulk"].output()
    assert "Traceback" not in log
    assert "hunter2" not in log
    assert '"event": "message_dropped"' in log


def send(stack: Stack, *, protocol: int = 2, **options: Any) -> str:
    """A job by an app with Celery's own settings; its id."""
    with Celery("foreign", broker=stack.redis.url, set_as_current=False) as app:
        app.conf.task_protocol = protocol
        kwargs = {"id": 5001, "rate": "1", "note": "hunter2"}
        return str(app.send_task(UPDATE_TASK, kwargs=kwargs, queue=QUEUE, **options).id)


def test_a_full_redis_stops_the_calls_and_is_told_without_a_flood(
    stack: Stack, jobs: RevioJobs
) -> None:
    queries = jobs.submit((QueryJob(ids=(product,)) for product in range(5001, 5101)), Lane.BULK)
    handles = begin(stack, jobs, ACCEPTING[:400])
    began = len(stack.services["bulk"].output())
    with Redis.from_url(stack.redis.url) as redis:
        redis.config_set("maxmemory", "100kb")
        time.sleep(6)
        calls = stack.sandbox.calls()["received"]
        time.sleep(1)
        assert stack.sandbox.calls()["received"] == calls
        log = stack.services["bulk"].output()[began:]
        redis.config_set("maxmemory", 0)
    assert outcomes(handles, timeout=PATIENCE_S) == {"applied": 400}
    assert all(list(query.records(PATIENCE_S)) for query in queries)
    assert executions(stack) == {1: 400}
    assert "Traceback" not in log
    assert log.count('"event": "redis_is_full"') == 1
    assert log.count("Cannot connect") <= 3
