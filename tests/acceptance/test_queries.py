"""Many queries, and large ones, on a real worker."""

from __future__ import annotations

import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import Lane, QueryJob, RevioJobs, as_completed
from revio_jobs.broker import HELD
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK
from tests.patience import PATIENCE_S, wait_until

QUEUE = "revio.default.bulk"
FIRST, CUSTOMERS = 5001, 20_000
PRODUCTS = range(FIRST, FIRST + CUSTOMERS * 5 // 2)


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Under the vendor's limit."""
    options = {"customers": 2000, "latency": 0.03} | getattr(request, "param", {})
    with local_stack(workers={"bulk": (QUEUE,)}, sandbox=options) as running:
        yield running


@pytest.fixture(scope="module")
def fast() -> Iterator[Stack]:
    """With many products and no limit."""
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": CUSTOMERS, "calls_per_minute": 0, "latency": 0.02},
        environment={"REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000"},
    ) as running:
        yield running


@pytest.fixture
def fast_jobs(fast: Stack) -> Iterator[RevioJobs]:
    with RevioJobs.connect(fast.redis.url) as connected:
        yield connected


def check_that_each_got_its_own(stack: Stack, jobs: RevioJobs, count: int) -> int:
    """`count` single-id queries, every eighth for a product that is not there; the calls made."""
    ids = [product if product % 8 else 900_000 + product for product in range(FIRST, FIRST + count)]
    before = stack.sandbox.calls()["received"]
    handles = jobs.submit([QueryJob(ids=(product,)) for product in ids])
    assert len(list(as_completed(handles, timeout=PATIENCE_S))) == count
    for wanted, handle in zip(ids, handles, strict=True):
        result = handle.result(0)
        found = tuple(product.customer_product_id for product in result.customer_products)
        assert (found, result.missing_ids) == (
            ((wanted,), ()) if wanted < 900_000 else ((), (wanted,))
        )
    return int(stack.sandbox.calls()["received"] - before)


def test_single_queries_share_calls_and_each_gets_its_own(stack: Stack, jobs: RevioJobs) -> None:
    assert check_that_each_got_its_own(stack, jobs, 800) < 60


@pytest.mark.parametrize("stack", [{"ids_per_call": 20}], indirect=True)
def test_calls_that_the_vendor_refuses_are_halved_until_it_takes_them(
    stack: Stack, jobs: RevioJobs
) -> None:
    assert check_that_each_got_its_own(stack, jobs, 200) < 100


def test_queries_outlive_workers_that_are_asked_to_stop(stack: Stack, jobs: RevioJobs) -> None:
    handles = jobs.submit([QueryJob(ids=(product,)) for product in range(FIRST, FIRST + 900)])
    for _ in range(2):
        next(as_completed(handles, timeout=PATIENCE_S))
        stack.services["bulk"].stop()
        stack.services["bulk"].start()
    assert len(list(as_completed(handles, timeout=PATIENCE_S))) == 900
    with Redis.from_url(stack.redis.url) as redis:
        wait_until(lambda: not redis.hlen(HELD))


def test_fifty_thousand_records_reach_the_caller(fast: Stack, fast_jobs: RevioJobs) -> None:
    [handle] = fast_jobs.submit([QueryJob(ids=tuple(PRODUCTS))], Lane.BULK)
    seen = []
    while not handle.done():
        seen.append(handle.progress)
        time.sleep(0.02)
    assert any(entry and 0 < entry[0] < entry[1] == 250 for entry in seen)
    tracemalloc.start()
    assert [record.customer_product_id for record in handle.records()] == [*PRODUCTS]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 25e6
    assert len(handle.result(0).customer_products) == len(PRODUCTS)
    with Redis.from_url(fast.redis.url) as redis:
        assert redis.memory_usage(f"revio:default:pages:{handle.job_id}") < 5e6


def test_any_celery_client_can_read_the_pages(fast: Stack) -> None:
    ids = list(range(FIRST, FIRST + 1000))
    with producer_app(fast.redis.url) as raw, Redis.from_url(fast.redis.url) as redis:
        result = raw.send_task(QUERY_TASK, kwargs={"ids": ids}, queue=QUEUE).get(timeout=PATIENCE_S)
        pages = redis.lrange(result["pages"]["key"], 0, -1)
    assert (result["customer_products"], result["missing_ids"]) == ([], [])
    assert result["pages"]["encoding"] == "zlib+json"
    records = [record for page in pages for record in json.loads(zlib.decompress(page))]
    assert [record["customer_product_id"] for record in records] == ids
    assert result["pages"]["count"] == len(pages)
    assert result["pages"]["records"] == 1000


def test_an_answer_may_be_old_but_not_older_than_an_update_of_the_product(
    fast_jobs: RevioJobs,
) -> None:
    def read() -> tuple[int, str]:
        result = fast_jobs.query(ids=[FIRST], max_age=600, lane=Lane.BULK).result(PATIENCE_S)
        return result.calls, str(result.customer_products[0].rate)

    fast_jobs.update(id=FIRST, rate="7.77", lane=Lane.BULK).result(PATIENCE_S)
    assert read() == (1, "7.7700")
    assert read() == (0, "7.7700")
    fast_jobs.update(id=FIRST, rate="8.88", lane=Lane.BULK).result(PATIENCE_S)
    assert read() == (1, "8.8800")
