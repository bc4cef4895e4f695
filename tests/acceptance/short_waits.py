"""Settings with which a stack finds out soon what has failed, and a stack that uses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.dev.stack import Stack
from sandbox.local.embedded_redis import EmbeddedRedis

BULK_QUEUE = "revio.default.bulk"
SHORT_WAITS = {
    "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
    "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "2",
    "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
    "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "10",
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "13",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_SWEEP_AFTER_S": "3",
}


@contextmanager
def bulk_stack(directory: Path, redis: EmbeddedRedis) -> Iterator[Stack]:
    """A sandbox of 800 customers and a worker of the bulk lane, with Redis as it is given."""
    stack = Stack(directory, redis, SHORT_WAITS)
    try:
        stack.start_sandbox({"customers": 800, "calls_per_minute": 0, "latency": 0.03})
        stack.start_worker("bulk", [BULK_QUEUE])
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()
