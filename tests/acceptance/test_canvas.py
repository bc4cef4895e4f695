"""Celery's canvas over raw jobs completes whatever its jobs go through."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from celery import Celery, chain, chord, group, signature
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import errors
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from tests.patience import PATIENCE_S

QUEUE = "revio.default.interactive"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers=dict.fromkeys(("one", "two"), (QUEUE,)),
        sandbox={"customers": 40, "latency": 0.2},
        environment={
            "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "2",
            "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
            "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "2",
            "REVIO_MAX_PERMIT_WAIT_S": "1",
            "REVIO_LEASE_S": "12",
            "REVIO_VISIBILITY_TIMEOUT_S": "15",
            "REVIO_SWEEP_INTERVAL_S": "1",
            "REVIO_SWEEP_AFTER_S": "3",
        },
    ) as running:
        yield running


@pytest.fixture
def raw(stack: Stack, redis: Redis) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app
    stack.sandbox.clear_faults()
    # After a 429 the next calls would come slowly for a minute.
    redis.delete("revio:default:calls:state")


def update(raw: Celery, product: int, rate: str, **options: Any) -> Any:
    return signature(
        UPDATE_TASK,
        kwargs={"id": product, "rate": rate},
        queue=QUEUE,
        app=raw,
        immutable=True,
        **options,
    )


def query(raw: Celery, product: int) -> Any:
    kwargs = {"ids": [product]}
    return signature(QUERY_TASK, kwargs=kwargs, queue=QUEUE, app=raw, immutable=True)


def rate_of(answer: dict[str, Any]) -> str:
    [record] = answer["customer_products"]
    return f"{Decimal(record['rate']):.2f}"


@pytest.mark.parametrize("fault", ["http-503-before", "throttled-429", "busy"])
def test_a_chain_goes_on_after_an_update_that_had_to_be_tried_again(
    stack: Stack, raw: Celery, fault: str
) -> None:
    ahead = []
    if fault == "busy":
        ahead = [update(raw, 5001, f"{rate}.5").apply_async() for rate in range(1, 4)]
    else:
        stack.sandbox.fault(fault, next=1, operation="CustomerProducts_Update", seconds=1)
    last = chain(update(raw, 5001, "21.50"), query(raw, 5001)).apply_async()
    assert rate_of(last.get(timeout=PATIENCE_S)) == "21.50"
    assert all(result.get(timeout=PATIENCE_S)["outcome"] for result in ahead)


def test_a_chords_body_runs_once_when_updates_of_one_product_have_ended(
    stack: Stack, raw: Celery
) -> None:
    stack.sandbox.fault("http-503-before", next=2, operation="CustomerProducts_Update")
    header = [update(raw, 5002, "31.50"), update(raw, 5002, "32.50"), query(raw, 5003)]
    body = chord(header, query(raw, 5002)).apply_async()
    assert rate_of(body.get(timeout=PATIENCE_S)) == "32.50"


def test_links_and_error_links_are_called_after_a_retry(stack: Stack, raw: Celery) -> None:
    linked, failed = query(raw, 5004).set(task_id="linked"), query(raw, 5004).set(task_id="failed")
    stack.sandbox.fault("http-503-before", next=1, operation="CustomerProducts_Update")
    result = update(raw, 5004, "41.50").apply_async(link=linked)
    assert result.get(timeout=PATIENCE_S)["outcome"] == "applied"
    assert rate_of(raw.AsyncResult("linked").get(timeout=PATIENCE_S)) == "41.50"
    wrong = update(raw, 5004, "not a number").apply_async(link_error=failed)
    with pytest.raises(errors.InvalidJob):
        wrong.get(timeout=PATIENCE_S)
    assert rate_of(raw.AsyncResult("failed").get(timeout=PATIENCE_S)) == "41.50"


def test_a_nested_canvas_completes_though_workers_are_killed_in_it(
    stack: Stack, raw: Celery, redis: Redis
) -> None:
    steps = [
        chain(
            group(update(raw, product, f"{rate}.25") for product in range(5010, 5016)),
            update(raw, 5010, f"{rate}.75"),
        )
        for rate in (51, 52, 53)
    ]
    last = chain(*steps, query(raw, 5010)).apply_async()
    for name in ("one", "two"):
        stack.services[name].kill()
        stack.services[name].start()
    assert rate_of(last.get(timeout=PATIENCE_S)) == "53.75"


def test_a_result_handed_over_as_an_argument_is_refused_in_words(raw: Celery) -> None:
    handed = query(raw, 5001).clone()
    handed.immutable = False
    with pytest.raises(errors.InvalidJob, match=r"\.si\("):
        chain(update(raw, 5001, "61.50"), handed).apply_async().get(timeout=PATIENCE_S)
