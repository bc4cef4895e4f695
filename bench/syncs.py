"""What `appendfsync always` costs at 500 calls per minute: `python -m bench.syncs`.

Updates are submitted one by one at that rate, the worst case for Redis: it syncs once for all that
comes in the same turn of its loop. strace times the syncs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from cli.dev.stack import DEFAULT_WORKERS, Stack, local_stack
from revio_jobs import Lane, RevioJobs, as_completed
from sandbox.local.traced_redis import TracedRedis

FIRST = 5001
CALLS_PER_MINUTE = 500
PATIENCE_S = 120.0


@contextmanager
def traced_stack(appendfsync: str) -> Iterator[tuple[Stack, TracedRedis]]:
    """A worker per lane, and a Redis whose syncs are timed."""
    options = {"calls_per_minute": 0, "calls_per_day": 0, "customers": 4000}
    settings = {"REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000"}
    with local_stack(workers={}, sandbox=options, environment=settings) as stack:
        traced = TracedRedis(stack.redis, appendfsync)
        traced.start()
        for worker, queues in DEFAULT_WORKERS.items():
            stack.start_worker(worker, queues)
        stack.wait_until_ready()
        yield stack, traced


def accepting_products(count: int) -> list[int]:
    """Ids of products whose updates the sandbox does not reject."""
    return [product for product in range(FIRST, FIRST + 2 * count) if product % 25][:count]


def submit_evenly(stack: Stack, count: int) -> float:
    """Returns how long it took, seconds."""
    began = time.perf_counter()
    handles = []
    with RevioJobs.connect(stack.redis.url) as jobs:
        for number, product in enumerate(accepting_products(count)):
            time.sleep(max(0.0, began + number * 60 / CALLS_PER_MINUTE - time.perf_counter()))
            handles.append(jobs.update(id=product, rate="12.50", lane=Lane.INTERACTIVE))
        for handle in as_completed(handles, PATIENCE_S):
            handle.result(0)
    return time.perf_counter() - began


def measure(appendfsync: str, count: int) -> str:
    """A line of the table."""
    with traced_stack(appendfsync) as (stack, traced):
        submit_evenly(stack, 10)
        before = len(syncs_s(traced))
        took_s = submit_evenly(stack, count)
        measured = syncs_s(traced)[before:]
    middle_s = median(measured)
    return (
        f"| {appendfsync} | {len(measured) / count:.1f} | {middle_s * 1e3:.2f} ms "
        f"| {len(measured) * middle_s / took_s:.1%} | {sum(measured) / took_s:.1%} |"
    )


def syncs_s(traced: TracedRedis) -> list[float]:
    """How long each sync of the append-only file took so far."""
    return [sync_s for file in traced.syncs().files.values() for sync_s in file.syncs_s]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=300)
    given = parser.parse_args()
    print("| appendfsync | syncs per update | median of a sync | time in syncs by that | in all |")
    print("|---|---|---|---|---|")
    for appendfsync in ("everysec", "always"):
        print(measure(appendfsync, given.updates), flush=True)


if __name__ == "__main__":
    main()
