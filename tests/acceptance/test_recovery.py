"""How long work stands still after a worker was killed, with the settings as they come."""

from __future__ import annotations

import signal
import time

from cli.dev.stack import local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob, as_completed
from tests.patience import PATIENCE_S

QUEUE = "revio.default.interactive"
THREADS = 16
# The others reject updates.
PRODUCTS = [product for product in range(5001, 5050) if product % 25][: 2 * THREADS]

CUSTOMERS = range(1001, 1021)


def test_jobs_of_a_killed_worker_are_done_elsewhere_within_a_minute() -> None:
    with (
        local_stack(
            workers={"first": (QUEUE,)},
            sandbox={"customers": 50, "latency": 1.0},
            appendonly=True,
        ) as stack,
        RevioJobs.connect(stack.redis.url) as jobs,
    ):
        queries = [jobs.query(customer_ids=[customer]) for customer in CUSTOMERS]
        updates = jobs.submit(
            (UpdateJob(id=product, rate="7.77") for product in PRODUCTS), Lane.INTERACTIVE
        )
        while stack.sandbox.calls()["received"] < THREADS:
            time.sleep(0.02)
        stack.services["first"].kill()
        stack.start_worker("second", (QUEUE,))
        for _ in as_completed([*queries, *updates], PATIENCE_S):
            pass
        executed = stack.sandbox.updates()
        assert all(query.result(1).customer_products for query in queries)
        assert {update.result(1).outcome for update in updates} == {"applied"}
    assert {product: len(times) for product, times in executed.items()} == dict.fromkeys(
        PRODUCTS, 1
    )


def test_a_worker_that_stops_finishes_its_query_and_nobody_else_begins_it() -> None:
    calls, latency_s = 72, 3.0  # eight at a time: longer than others wait for a silent worker
    account = "REVIO_ACCOUNTS__DEFAULT__"
    with (
        local_stack(
            workers={"first": (QUEUE,)},
            sandbox={"customers": 50, "latency": latency_s},
            environment={
                f"{account}IDS_PER_CALL": "1",
                f"{account}CALLS_PER_MINUTE": "60000",
                "REVIO_VISIBILITY_TIMEOUT_S": "15",
            },
        ) as stack,
        RevioJobs.connect(stack.redis.url) as jobs,
    ):
        query = jobs.query(ids=range(5001, 5001 + calls))
        while stack.sandbox.calls()["received"] < 2:
            time.sleep(0.02)
        stack.services["first"].send(signal.SIGTERM)
        stack.start_worker("second", (QUEUE,))
        assert query.result(PATIENCE_S).calls == calls
        assert stack.sandbox.calls()["executed_by_operation"]["CustomerProducts_Query"] == calls
