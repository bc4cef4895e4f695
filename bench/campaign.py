"""A campaign of 100,000 rows with the limit out of the way: time, memory, Redis, calls.

    python -m bench.campaign [rows] [rows to apply]

Planning runs in a process of its own, whose peak memory is taken; a plan of all rows is made, and
by default a tenth of the rows is applied. The calls are compared with the least possible: a call a
changed row, and its share of the batched readings.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from campaigns import Campaigns, Person, PlanRequest, RunRequest
from campaigns.terms import Terms
from cli.dev.stack import Stack, local_stack
from revio_jobs import RevioJobs
from sandbox import RunningSandbox

_ROWS = 100_000
_PRODUCTS_A_CUSTOMER = 2.5
_IDS_PER_CALL = 200
_ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
_UNLIMITED = {
    f"{_ACCOUNT}CALLS_PER_MINUTE": "600000",
    f"{_ACCOUNT}CALLS_PER_DAY": "10000000",
    "REVIO_CAMPAIGN_WINDOW": "400",
    "REVIO_LOG_LEVEL": "WARNING",
}


def main(rows: int = _ROWS, applied: int = _ROWS // 10) -> None:
    """Prints a line a figure."""
    customers = int(rows * 1.2 / _PRODUCTS_A_CUSTOMER) + 4
    queues = ("revio.default.bulk",)
    with (
        local_stack(
            workers={"one": queues, "two": queues},
            sandbox={"customers": customers, "calls_per_minute": 0, "calls_per_day": 0},
            environment=_UNLIMITED,
        ) as stack,
        TemporaryDirectory() as name,
        Redis.from_url(stack.redis.url) as redis,
    ):
        directory = Path(name)
        usable = _usable(stack.sandbox)
        _write(directory / "all.csv", usable[:rows])
        with _calls(stack) as spent:
            seconds, peak_mb = _plan_elsewhere(stack, directory / "all.csv")
        _tell(f"plan of {rows:,} rows", f"{seconds:.1f} s, {peak_mb:.0f} MB at most")
        _tell("calls for it", f"{spent()} of at least {-(-rows // _IDS_PER_CALL)}")
        _write(directory / "some.csv", usable[:applied])
        _apply(stack, redis, directory / "some.csv", applied)


def _apply(stack: Stack, redis: Redis, source: Path, rows: int) -> None:
    with RevioJobs.connect(stack.redis.url) as jobs:
        campaigns = _campaigns(jobs, redis)
        plan = campaigns.plan(
            source.with_suffix(".plan"), PlanRequest("some", "bench", source=source)
        ).plan
        assert plan
        campaigns.approve(plan, Person("bench", "bench"))
        before, began, most = _memory(redis), time.monotonic(), 0
        with _calls(stack) as spent:
            campaigns.apply(plan, RunRequest("bench"))
            uploaded = time.monotonic() - began
            while not (view := campaigns.view(plan.run)).has_ended:
                most = max(most, redis.llen("revio.default.bulk"))
                time.sleep(0.2)
        seconds = time.monotonic() - began
        least = rows + 2 * -(-rows // _IDS_PER_CALL)
        _tell(f"apply of {rows:,} rows", f"{seconds:.0f} s, {rows / seconds:.0f} rows/s")
        _tell("of that, until it began", f"{uploaded:.1f} s")
        _tell("ended", " ".join(f"{k}={v}" for k, v in view.state.counts.items()))
        _tell("calls for it", f"{spent():,} of at least {least:,}")
        _tell("jobs in the queue", f"{most} at most")
        _tell("Redis", f"{(_memory(redis) - before) / rows:.0f} bytes a row, all in all")
        prefix = f"revio:default:campaign:{plan.run}"
        held = sum(redis.memory_usage(key) or 0 for key in redis.scan_iter(f"{prefix}:*"))
        _tell("of that the run itself", f"{held / rows:.0f} bytes a row")


def _campaigns(jobs: RevioJobs, redis: Redis) -> Campaigns:
    return Campaigns(Terms("default", "bench", _IDS_PER_CALL), jobs, redis)


def _plan_elsewhere(stack: Stack, source: Path) -> tuple[float, float]:
    """Seconds, and the planner's peak memory in MB."""
    command = [sys.executable, "-m", "bench.campaign", "plan", str(source)]
    environment = {**os.environ, **stack.environment}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, peak_mb = map(float, said.stdout.split())
    return seconds, peak_mb


def _plan_here(source: Path) -> None:
    url, began = os.environ["REVIO_REDIS_URL"], time.monotonic()
    with RevioJobs.connect(url) as jobs, Redis.from_url(url) as redis:
        _campaigns(jobs, redis).plan(
            source.with_suffix(".plan"), PlanRequest("all", "bench", source=source)
        )
    sys.stdout.write(f"{time.monotonic() - began} {_peak_mb()}\n")


def _peak_mb() -> float:
    """Of this program alone: getrusage would count what its parent held when it was started."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _usable(sandbox: RunningSandbox) -> list[tuple[int, str]]:
    products: dict[int, dict[str, Any]] = sandbox.products()
    return [
        (one, each["Rate"])
        for one, each in products.items()
        if each["Status"] not in {"DENIED", "DISCONNECTED"}
    ]


def _write(path: Path, products: list[tuple[int, str]]) -> None:
    lines = (f"{one},{rate[:-2]}7\n" for one, rate in products)
    path.write_text("id,rate\n" + "".join(lines), encoding="utf-8")


@contextmanager
def _calls(stack: Stack) -> Iterator[Any]:
    before = stack.sandbox.calls()["received"]
    yield lambda: stack.sandbox.calls()["received"] - before


def _memory(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


def _tell(what: str, figure: str) -> None:
    print(f"  {what:<28} {figure}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["plan"]:
        _plan_here(Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
