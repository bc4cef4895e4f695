"""Real worker processes under the vendor's own limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.dev import Stack, local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.contracts import queue_name
from tests.patience import PATIENCE_S, wait_until

Revio = Callable[..., Any]

PER_MINUTE = 120
RUN_S = 10.0
THREADS = 4
BULK = queue_name("default", Lane.BULK)
INTERACTIVE = queue_name("default", Lane.INTERACTIVE)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"first": [BULK], "second": [BULK], "third": [INTERACTIVE]},
        sandbox={"calls_per_minute": PER_MINUTE, "latency": "50-300", "customers": 200},
        environment={
            "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": str(PER_MINUTE),
            "REVIO_THREADS": str(THREADS),
        },
    ) as running:
        yield running


def test_bulk_goes_at_its_pace_interactive_before_it_and_the_vendor_never_refuses(
    stack: Stack, revio: Revio
) -> None:
    with RevioJobs.connect(stack.redis.url) as jobs:
        ids = sorted(stack.sandbox.products())
        bulk = jobs.submit(
            [UpdateJob(id=product, rate="12.50") for product in ids[:200]], Lane.BULK
        )
        began, first = time.monotonic(), stack.sandbox.calls()["received"]
        for number, product_id in enumerate(ids[300:310]):
            time.sleep(max(began + number * RUN_S / 10 - time.monotonic(), 0))
            jobs.query(ids=[product_id]).result(timeout=PATIENCE_S)
        assert not all(handle.done() for handle in bulk)
    calls = stack.sandbox.calls()
    sent, seconds = calls["received"] - first, time.monotonic() - began
    # What was missed at the start is made up for once.
    assert sent < PER_MINUTE / 60 * seconds + 14
    assert calls["refused"] == 0
    assert calls["max_in_60s"] <= PER_MINUTE
    proof = revio("limits", "verify", "--json", env=stack.environment)
    assert proof.document["accounts"]["default"]["holds"]


def test_a_worker_that_dies_with_its_turns_leaves_them_to_the_others(stack: Stack) -> None:
    with RevioJobs.connect(stack.redis.url) as jobs:
        ids = sorted(stack.sandbox.products())
        jobs.submit([UpdateJob(id=product, rate="13.50") for product in ids[200:300]], Lane.BULK)
    stack.services["first"].kill()
    before = stack.sandbox.calls()["received"]
    # A turn of each of its threads may have been the next.
    wait_until(lambda: stack.sandbox.calls()["received"] > before + 2 * THREADS)
    assert stack.sandbox.calls()["refused"] == 0
