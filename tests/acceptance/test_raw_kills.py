"""Raw jobs of any Celery client while workers are killed: each caller hears, and order holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from celery import Celery
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs.broker import HELD, LATER
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from tests.patience import PATIENCE_S, wait_until

QUEUE = "revio.default.interactive"
PRODUCTS = range(5001, 5021)
ROUNDS = 10
WORKERS = ("one", "two")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers=dict.fromkeys(WORKERS, (QUEUE,)),
        sandbox={"customers": 40, "calls_per_minute": 0, "latency": 0.1},
        environment={
            "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
            "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "2",
            "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
            "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "1",
            "REVIO_MAX_PERMIT_WAIT_S": "1",
            "REVIO_LEASE_S": "13",
            "REVIO_VISIBILITY_TIMEOUT_S": "15",
            "REVIO_SWEEP_INTERVAL_S": "1",
            "REVIO_SWEEP_AFTER_S": "3",
        },
    ) as running:
        yield running


@pytest.fixture
def raw(stack: Stack) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app


def test_no_kill_loses_a_raw_job_or_lets_an_older_one_win(
    stack: Stack, raw: Celery, redis: Redis
) -> None:
    results = []
    for number in range(ROUNDS):
        for product in PRODUCTS:
            kwargs = {"id": product, "rate": f"{number + 1}.5"}
            if product % 2:
                kwargs["idempotency_key"] = f"{product}:{number}"
            results.append(raw.send_task(UPDATE_TASK, kwargs=kwargs, queue=QUEUE))
        results.append(raw.send_task(QUERY_TASK, kwargs={"ids": [*PRODUCTS]}, queue=QUEUE))
    for kill in range(4):
        time.sleep(0.5)
        stack.services[WORKERS[kill % 2]].kill()
        stack.services[WORKERS[kill % 2]].start()
    for result in results:
        answer = result.get(timeout=PATIENCE_S, disable_sync_subtasks=False)
        assert answer.get("outcome", "read") in {"applied", "superseded", "read"}
    rates = {
        product: Decimal(str(fields["Rate"]))
        for product, fields in stack.sandbox.products(PRODUCTS).items()
    }
    assert rates == dict.fromkeys(PRODUCTS, Decimal(f"{ROUNDS}.5"))
    sent = stack.sandbox.updates(PRODUCTS)
    values = {product: [call["fields"] for call in calls] for product, calls in sent.items()}
    assert all(len(calls) == len({str(call) for call in calls}) for calls in values.values())
    wait_until(lambda: not redis.hlen(HELD) and not redis.zcard(LATER))
