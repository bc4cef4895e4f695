"""A worker dies at each point of an update's life; the next finishes the job, once in effect."""

from __future__ import annotations

import sys
import time

from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from revio_jobs import RevioJobs
from revio_jobs.contracts import DEFAULT_ACCOUNT
from tests.patience import PATIENCE_S

POINTS = ("claim-intend", "intend-send", "send-answer", "answer-settle", "settle-acknowledge")
QUEUE = "revio.default.interactive"
ENVIRONMENT = {
    "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
    "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "10",
    "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
    "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "10",
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "20",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_SWEEP_AFTER_S": "3",
}


def dies_at(stack: Stack, point: str) -> None:
    """The only worker takes the only job, and dies of it."""
    command = [sys.executable, "-m", "celery", "-A", "tests.acceptance.faulty_worker"]
    worker = Service(
        point,
        [*command, "worker", "-Q", QUEUE, "-n", f"{point}@local"],
        # It leaves the jobs of those that died before it to the healthy one.
        {
            **stack.process_environment(),
            "FAULT_POINT": point,
            "REVIO_SWEEP_INTERVAL_S": "3600",
        },
        stack.directory,
    )
    worker.start()
    gives_up = time.monotonic() + PATIENCE_S
    while worker.pid is not None:
        assert time.monotonic() < gives_up, worker.output()
        time.sleep(0.05)


def test_a_worker_may_die_anywhere_and_the_caller_too() -> None:
    with local_stack(
        workers={},
        sandbox={"customers": 50, "calls_per_minute": 0, "latency": 0.3},
        environment=ENVIRONMENT,
        appendonly=True,
    ) as stack:
        for number, point in enumerate(POINTS):
            # The caller is gone as soon as it has submitted; the key is all that is left of it.
            with RevioJobs.connect(stack.redis.url) as jobs:
                jobs.update(id=5001 + number, rate="7.77", idempotency_key=point)
            dies_at(stack, point)

        stack.start_worker("healthy", (QUEUE,))
        with RevioJobs.connect(stack.redis.url) as jobs:
            found = {point: jobs.find(DEFAULT_ACCOUNT, point) for point in POINTS}
            results = {
                point: handle.result(PATIENCE_S) for point, handle in found.items() if handle
            }
        assert {point: answer.outcome for point, answer in results.items()} == dict.fromkeys(
            POINTS, "applied"
        )
        # A query has told that it was applied before the worker died, and nobody sent it again.
        assert results["answer-settle"].verified
        executed = stack.sandbox.updates()
        assert {product: len(executed[product]) for product in executed} == {
            5001 + number: 1 for number in range(len(POINTS))
        }
