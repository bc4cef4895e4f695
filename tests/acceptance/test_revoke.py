"""Celery's `revoke`, as Flower's button sends it, against a real worker."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from celery import Celery
from celery.exceptions import TaskRevokedError
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import Lane, RevioJobs, errors
from revio_jobs.broker import HELD
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from tests.acceptance.watching import events
from tests.patience import PATIENCE_S, wait_until
from worker.limiter import LanePauses, Pause

QUEUE = "revio.default.bulk"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": 40, "latency": 0.5},
        environment={"REVIO_SWEEP_INTERVAL_S": "1", "REVIO_SWEEP_AFTER_S": "2"},
        flower=True,
    ) as running:
        yield running


@pytest.fixture
def raw(stack: Stack) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app


@pytest.fixture
def pauses(stack: Stack, redis: Redis) -> Iterator[LanePauses]:
    pauses = LanePauses(redis)
    closed = events(stack, "lane_closed")
    pauses.pause("default", Lane.BULK, Pause("a test", getpass.getuser(), datetime.now(UTC)))
    wait_until(lambda: events(stack, "lane_closed") > closed)
    yield pauses
    pauses.resume("default", Lane.BULK)


def flower_revokes(stack: Stack, task_id: str, query: str = "") -> None:
    request = Request(f"{stack.flower_url}/api/task/revoke/{task_id}{query}", method="POST")
    with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def test_a_revoked_update_ends_at_once_and_those_behind_it_go_on(
    stack: Stack, jobs: RevioJobs, raw: Celery, pauses: LanePauses, redis: Redis
) -> None:
    first = jobs.update(id=5001, rate="8.50", lane=Lane.BULK, idempotency_key="revoked")
    second = jobs.update(id=5001, rate="9.50", lane=Lane.BULK)
    flower_revokes(stack, first.job_id)
    with pytest.raises(errors.Withdrawn, match="somebody revoked it; nothing was sent"):
        first.result(timeout=PATIENCE_S)
    with pytest.raises(errors.Withdrawn):
        raw.AsyncResult(first.job_id).get(timeout=PATIENCE_S)
    pauses.resume("default", Lane.BULK)
    assert second.result(timeout=PATIENCE_S).outcome == "applied"
    assert len(stack.sandbox.updates([5001])[5001]) == 1
    # Longer than the sweep takes to miss a job.
    time.sleep(3.5)
    assert redis.llen(QUEUE) == 0
    assert events(stack, "jobs_put_back") == 0


def test_raw_jobs_that_no_worker_had_accepted_are_not_run(
    stack: Stack, raw: Celery, pauses: LanePauses, redis: Redis
) -> None:
    update = raw.send_task(UPDATE_TASK, kwargs={"id": 5002, "rate": "1"}, queue=QUEUE)
    query = raw.send_task(QUERY_TASK, kwargs={"ids": [5002]}, queue=QUEUE)
    late = raw.send_task(UPDATE_TASK, kwargs={"id": 5003, "rate": "1"}, queue=QUEUE, expires=0.1)
    wait_until(lambda: raw.control.revoke([update.id, query.id], reply=True))
    # The next worker has not heard of it.
    stack.services["bulk"].stop()
    stack.services["bulk"].start()
    stack.wait_until_ready()
    pauses.resume("default", Lane.BULK)
    with pytest.raises(errors.Withdrawn, match="not to be run so late"):
        late.get(timeout=PATIENCE_S)
    with pytest.raises(TaskRevokedError):
        query.get(timeout=PATIENCE_S)
    wait_until(lambda: update.state == "FAILURE")
    assert type(update.result).__name__ == "Withdrawn"
    assert redis.hget("revio:default:ended", "Withdrawn") == b"3"
    wait_until(lambda: not redis.hlen(HELD))
    assert stack.sandbox.updates([5002, 5003]) == {}


def test_what_hangs_on_a_raw_update_that_waits_for_its_product_hears_of_its_end(
    stack: Stack, raw: Celery, redis: Redis
) -> None:
    told = raw.signature(
        QUERY_TASK, kwargs={"ids": [5005]}, queue=QUEUE, immutable=True, task_id="told"
    )
    updates = [
        raw.send_task(
            UPDATE_TASK, kwargs={"id": 5005, "rate": str(rate)}, queue=QUEUE, link_error=told
        )
        for rate in range(1, 41)
    ]
    wait_until(lambda: redis.zscore("revio:default:parked:5005", updates[-1].id))
    raw.control.revoke(updates[-1].id)
    with pytest.raises(errors.Withdrawn):
        updates[-1].get(timeout=PATIENCE_S)
    assert raw.AsyncResult("told").get(timeout=PATIENCE_S)["customer_products"]


def test_a_job_that_runs_cannot_be_terminated(stack: Stack, jobs: RevioJobs) -> None:
    stack.sandbox.fault(
        "drip", next=1, operation="CustomerProducts_Update", ids=[5004], seconds=0.01
    )
    handle = jobs.update(id=5004, rate="1.25", lane=Lane.BULK)
    wait_until(lambda: handle.state == "STARTED")
    flower_revokes(stack, handle.job_id, "?terminate=true")
    assert handle.result(timeout=PATIENCE_S).outcome == "applied"
    wait_until(lambda: events(stack, "job_not_terminated") == 1)
    assert "Traceback" not in stack.services["bulk"].output()
