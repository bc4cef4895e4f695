"""Real processes under load while everything around them fails; then every promise is checked.

    python -m tests.chaos [--seed N] [--runs 10] [--updates 2000] [--short]

A seed repeats the plan and the order and pauses of the deeds; what the machine does in between is
its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from revio_jobs import RevioJobs
from tests.chaos.havoc import Havoc
from tests.chaos.plan import Size, Submission, make_plan
from tests.chaos.verdict import Verdict, collect, judge

QUEUE = "revio.default.bulk"
LEASE_S = 13
ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
# Short calls allow short leases: what takes a minute in production takes some seconds here.
ENVIRONMENT = {
    f"{ACCOUNT}CALLS_PER_MINUTE": "60000",
    f"{ACCOUNT}CALL_TIMEOUT_S": "2",
    f"{ACCOUNT}CONNECT_TIMEOUT_S": "1",
    f"{ACCOUNT}EXECUTION_S": "2",
    "REVIO_MAX_PERMIT_WAIT_S": "2",
    "REVIO_LEASE_S": str(LEASE_S),
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_SWEEP_AFTER_S": "3",
}
SHORT = Size(updates=300, products=80, worker_kills=3, redis_kills=1, stalls=1, producer_kills=1)


def run(seed: int, size: Size) -> Verdict:
    chance = random.Random(seed)
    lists = make_plan(size, chance)
    workers = {f"bulk{each}": (QUEUE,) for each in (1, 2)}
    with (
        local_stack(
            workers=workers,
            sandbox={"customers": 2000, "calls_per_minute": 0, "latency": 0.02, "seed": seed},
            environment=ENVIRONMENT,
            appendonly=True,
        ) as stack,
        producing(stack, lists, spread_s=size.updates / 40) as (producers, told),
    ):
        havoc = Havoc(
            stack,
            sorted(workers),
            producers,
            size,
            chance,
            stall_s=LEASE_S + 3,
            spread_s=size.updates / 40,
        )
        havoc.begin()
        havoc.run()
        wait_for_producers(producers, told)
        with RevioJobs.connect(stack.redis.url) as jobs, Redis.from_url(stack.redis.url) as redis:
            outcomes = collect(jobs, lists, timeout_s=240)
            havoc.end()
            verdict = judge(stack.sandbox, redis, lists, told_by(told), outcomes)
        print(
            f"seed {seed}: {dict(verdict.outcomes)}, {verdict.repeated} repeated,"
            f" after {dict(havoc.done)}, {stack.sandbox.calls()['received']} calls",
            flush=True,
        )
    return verdict


@contextmanager
def producing(
    stack: Stack, lists: list[list[Submission]], *, spread_s: float
) -> Iterator[tuple[dict[str, Service], dict[str, Path]]]:
    services, told = {}, {}
    with ExitStack() as ends:
        for index, mine in enumerate(lists):
            name = f"producer{index}"
            lines = [
                {"number": each.number, "kind": each.kind, "job": each.job.kwargs()}
                for each in mine
            ]
            listed, told[name] = stack.directory / f"{name}.json", stack.directory / f"{name}.told"
            listed.write_text(json.dumps(lines), encoding="utf-8")
            pause_s = spread_s * 0.7 / (len(lines) / 5)
            command = [sys.executable, "-m", "tests.chaos.producer", stack.redis.url]
            command += [str(listed), str(told[name]), f"{pause_s:.3f}"]
            services[name] = Service(name, command, stack.process_environment(), stack.directory)
            services[name].start()
            ends.callback(services[name].kill)
        yield services, told


def wait_for_producers(producers: dict[str, Service], told: dict[str, Path]) -> None:
    for name in producers:
        while not any("done" in each for each in said(told[name])):
            time.sleep(0.2)


def told_by(told: dict[str, Path]) -> list[dict[str, Any]]:
    return [each for path in told.values() for each in said(path) if "number" in each]


def said(path: Path) -> list[dict[str, Any]]:
    """What a producer has told so far; a line that it was killed over is left out."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--runs", type=int, default=1, help="as many seeds in a row")
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--short", action="store_true", help="a tenth of it, for CI")
    given = parser.parse_args()
    size = SHORT if given.short else Size(updates=given.updates)
    failed = False
    for seed in range(given.seed, given.seed + given.runs):
        for fault in run(seed, size).faults:
            print(f"seed {seed}: {fault}", flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
