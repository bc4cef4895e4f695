"""A campaign of 100,000 rows with the limit out of the way: time, memory, Redis, calls.

    python -m bench.campaign [rows] [rows to apply]

Each step is the `revio` command in a process of its own, whose peak memory is taken. All rows are
planned, reviewed, stored and begun; once so many have ended (by default a tenth), the run is
cancelled, and the report covers all. The calls are compared with the least possible: a call a
changed row, and its share of the batched readings. The products are the sandbox's own: with
1,000,000 rows it holds 1.1 million of them, in 5 GB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from cli.dev.stack import Stack, local_stack
from sandbox.vendor.population import populate

_ROWS = 100_000
_SEED = 1
_PRODUCTS_A_CUSTOMER = 2.5
_IDS_PER_CALL = 200
_ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
_BULK = "revio.default.bulk"
_LOOK_S = 0.05
_UNLIMITED = {
    f"{_ACCOUNT}CALLS_PER_MINUTE": "600000",
    f"{_ACCOUNT}CALLS_PER_DAY": "10000000",
    "REVIO_CAMPAIGN_WINDOW": "400",
    "REVIO_CAMPAIGN_RAIL_ROWS": "off",
    "REVIO_CAMPAIGN_HALT_ERRORS_PERCENT": "100",
    "REVIO_LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What a command took."""

    document: Any
    seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.peak_mb:.0f} MB at most"


@dataclass(frozen=True, slots=True)
class Desk:
    """Types `revio campaign … --json`."""

    stack: Stack
    directory: Path

    def types(self, *arguments: str) -> Step:
        command = [sys.executable, "-P", "-m", "cli", "campaign", *arguments, "--json"]
        began, peak = time.monotonic(), 0.0
        with (self.directory / "answer.json").open("w+") as answer:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self.stack.process_environment()},
                cwd=self.directory,
                stdout=answer,
            )
            while process.poll() is None:
                peak = max(peak, _peak_mb(process.pid))
                time.sleep(_LOOK_S)
            seconds = time.monotonic() - began
            answer.seek(0)
            return Step(json.load(answer), seconds, peak)


def main(rows: int = _ROWS, applied: int | None = None) -> None:
    """Prints a line a figure."""
    customers = int(rows * 1.1 / _PRODUCTS_A_CUSTOMER) + 4
    with (
        local_stack(
            workers={"one": (_BULK,), "two": (_BULK,)},
            sandbox={
                "customers": customers,
                "seed": _SEED,
                "calls_per_minute": 0,
                "calls_per_day": 0,
            },
            environment=_UNLIMITED,
        ) as stack,
        TemporaryDirectory() as name,
        Redis.from_url(stack.redis.url) as redis,
    ):
        _write(Path(name, "all.csv"), rows, customers)
        desk = Desk(stack, Path(name))
        _plan(desk, rows)
        run = _begin(desk, redis, rows)
        _carry_out(desk, redis, run, rows // 10 if applied is None else applied)
        _tell("report", desk.types("report", run, "-o", "out"))
        _tell("explain", desk.types("explain", "5001"))


def _plan(desk: Desk, rows: int) -> None:
    with _calls(desk.stack) as spent:
        planned = desk.types("plan", "all.csv", "-o", "all.plan", "--override", "below_cost=bench")
    assert planned.document["rows"] == {"change": rows}, planned.document
    _tell(f"plan of {rows:,} rows", planned)
    _tell("calls for it", f"{spent():,} of at least {-(-rows // _IDS_PER_CALL):,}")
    _tell("its size", f"{(desk.directory / 'all.plan').stat().st_size / rows:.0f} bytes a row")
    for more in ((), ("--html", "all.html"), ("--xlsx", "all.xlsx")):
        _tell(" ".join(["review", *more[:1]]), desk.types("review", "all.plan", *more))
    _tell("approve", desk.types("approve", "all.plan", "--reason", "bench"))


def _begin(desk: Desk, redis: Redis, rows: int) -> str:
    began = desk.types("apply", "all.plan")
    run = str(began.document["run"])
    _tell("apply, until it has begun", began)
    held = sum(_size(redis, f"{_run_key(run)}:{name}") for name in ("rows", "ids", "spec"))
    _tell("Redis for the stored rows", f"{held / rows:.0f} bytes a row")
    return run


def _carry_out(desk: Desk, redis: Redis, run: str, rows: int) -> None:
    """`rows`: how many shall end."""
    before, began, first, most = _memory(redis), time.monotonic(), _ended(redis, run), 0
    with _calls(desk.stack) as spent:
        while (ended := _ended(redis, run)) < rows:
            most = max(most, int(redis.llen(_BULK)))  # type: ignore[arg-type]
            time.sleep(_LOOK_S)
        seconds, grown = time.monotonic() - began, _memory(redis) - before
        calls = spent()
    least = ended - first + -(-(ended - first) // _IDS_PER_CALL)
    _tell(f"{ended - first:,} rows carried out", f"{(ended - first) / seconds:.0f} rows/s")
    _tell("calls for it", f"{calls:,}, of {least:,} before any is read back")
    _tell("jobs in the queue", f"{most} at most")
    _tell("Redis", f"{grown / (ended - first):.0f} bytes a row that ended")
    for command in (("list",), ("watch", run, "--once")):
        _tell(command[0], desk.types(*command))
    if not desk.types("watch", run, "--once").document["ended"]:
        _tell("cancel", desk.types("cancel", run, "--reason", "enough"))
    last = desk.types("watch", run)
    _tell("ended", " ".join(f"{k}={v}" for k, v in last.document["counts"].items()))


def _ended(redis: Redis, run: str) -> int:
    progress: Any = redis.hgetall(f"{_run_key(run)}:progress")
    return sum(int(value) for name, value in progress.items() if name.startswith(b"count:"))


def _run_key(run: str) -> str:
    return f"revio:default:campaign:{run}"


def _size(redis: Redis, key: str) -> int:
    size: Any = redis.memory_usage(key, samples=0)
    return int(size or 0)


def _peak_mb(pid: int) -> float:
    """Resident memory of that program alone; 0 when it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) / 1024 if peaks else 0.0


def _write(path: Path, rows: int, customers: int) -> None:
    usable = (record for record in populate(customers, _SEED) if record["Status"] != "DISCONNECTED")
    with path.open("w", encoding="utf-8") as file:
        file.write("id,rate\n")
        for record in islice(usable, rows):
            file.write(f"{record['Customer_Product_ID']},{str(record['Rate'])[:-1]}7\n")


@contextmanager
def _calls(stack: Stack) -> Iterator[Callable[[], int]]:
    before = int(stack.sandbox.calls()["received"])
    yield lambda: int(stack.sandbox.calls()["received"]) - before


def _memory(redis: Redis) -> int:
    memory: Any = redis.info("memory")
    return int(memory["used_memory"])


def _tell(what: str, figure: object) -> None:
    print(f"  {what:<28} {figure}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
