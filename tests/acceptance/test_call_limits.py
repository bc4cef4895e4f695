"""Real worker processes under the vendor's own limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.dev import Stack, local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.contracts import queue_name

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


def test_bulk_goes_at_its_pace_interactive_at_once_and_the_vendor_never_refuses(
    stack: Stack, revio: Revio
) -> None:
    waits_s = []
    with RevioJobs.connect(stack.redis.url) as jobs:
        ids = sorted(stack.sandbox.products())
        jobs.submit([UpdateJob(id=each, rate="12.50") for each in ids[:200]], Lane.BULK)
        began, first = time.monotonic(), stack.sandbox.calls()["received"]
        for number, product_id in enumerate(ids[300:310]):
            time.sleep(max(began + number * RUN_S / 10 - time.monotonic(), 0))
            asked = time.monotonic()
            jobs.query(ids=[product_id]).result(timeout=10)
            waits_s.append(time.monotonic() - asked)
    calls = stack.sandbox.calls()
    sent, seconds = calls["received"] - first, time.monotonic() - began
    # What interactive takes, bulk leaves; what was missed at the start is made up for once.
    assert PER_MINUTE / 60 * seconds * 0.8 < sent < PER_MINUTE / 60 * seconds + 14
    assert calls["refused"] == 0
    assert calls["max_in_60s"] <= PER_MINUTE
    assert sorted(waits_s)[-2] < 1.5
    proof = revio("limits", "verify", "--json", env=stack.environment)
    assert proof.document["accounts"]["default"]["holds"]


def test_a_worker_that_dies_with_its_turns_leaves_them_to_the_others(stack: Stack) -> None:
    with RevioJobs.connect(stack.redis.url) as jobs:
        ids = sorted(stack.sandbox.products())
        jobs.submit([UpdateJob(id=each, rate="13.50") for each in ids[200:300]], Lane.BULK)
    stack.services["first"].kill()
    before, began = stack.sandbox.calls()["received"], time.monotonic()
    time.sleep(10.0)
    sent = stack.sandbox.calls()["received"] - before
    # A turn of each of its threads may have been the next.
    assert sent >= PER_MINUTE / 60 * (time.monotonic() - began) * 0.8 - THREADS
    assert stack.sandbox.calls()["refused"] == 0
