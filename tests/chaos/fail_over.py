"""Fail-overs behind one name, in a row and under load: everybody proceeds, and nothing is lost.

    python -m tests.chaos.fail_over [--runs 10] [--load-s 3] [--silence [--deaf-s 0]]

A fail-over is that of a managed Redis: the name leads to the new primary, the old one lives on as a
read-only replica, and open connections stay with it. Two workers and four producers have theirs
open all the time; each must have work accepted, or executed, within 10 s of its beginning. One
worker is busy with updates, the other answers one query at a time.

With --silence all open connections fall silent instead, as when a firewall forgets them; with
--deaf-s, new connections get no answer either for that time, from whose end the 10 s count.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from redis import Redis

from cli.dev.stack import Stack
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from tests.chaos.collect import collect
from tests.chaos.open_producers import AsyncClient, Client, OpenProducer, Queries, RawMessages
from tests.chaos.plan import Plan
from tests.chaos.records import Records
from tests.chaos.report import deaf, judge
from tests.named_redis import NamedRedis, named_redis

PROCEEDS_WITHIN_S = 10
GIVES_UP_S = 40
PATIENCE_S = 240
WORKERS = {"busy": "revio.default.bulk", "idle": "revio.default.interactive"}
# What was under way on its connection has come, or never will.
UNDER_WAY_S = 0.5
PRODUCERS = (Client, AsyncClient, RawMessages, Queries)
ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
ENVIRONMENT = {
    f"{ACCOUNT}CALLS_PER_MINUTE": "60000",
    f"{ACCOUNT}CALL_TIMEOUT_S": "2",
    f"{ACCOUNT}CONNECT_TIMEOUT_S": "1",
    f"{ACCOUNT}EXECUTION_S": "1",
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "13",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_SWEEP_AFTER_S": "3",
}


Disturb = Callable[[NamedRedis], None]


def run(runs: int, load_s: float, directory: Path, disturb: Disturb) -> list[str]:
    """What was not as promised."""
    all_delays: dict[str, list[float]] = defaultdict(list)
    faults: list[str] = []
    with named_redis() as named, ExitStack() as ends:
        stack = Stack(directory, named, ENVIRONMENT)
        ends.callback(stack.stop)
        stack.start_sandbox({"customers": 2000, "calls_per_minute": 0, "latency": 0.02})
        for worker, queue in WORKERS.items():
            stack.start_worker(worker, [queue])
        stack.wait_until_ready()
        producers = [kind(named.url, place) for place, kind in enumerate(PRODUCERS)]
        for producer in producers:
            producer.start()
        for number in range(1, runs + 1):
            time.sleep(load_s)
            delays = _delays(named, stack, producers, disturb)
            print(f"{number}: {_seconds(delays)}", flush=True)
            for name, delay in delays.items():
                all_delays[name].append(delay)
            faults += [
                f"{number}: {name} proceeded after {delay:.1f} s"
                for name, delay in delays.items()
                if delay > PROCEEDS_WITHIN_S
            ]
        for producer in producers:
            producer.stop()
        for name, of_all in all_delays.items():
            least, middle, most = min(of_all), median(of_all), max(of_all)
            print(f"{name}: {least:.1f} to {most:.1f} s, median {middle:.1f} s", flush=True)
        return faults + _unkept(named, stack, producers)


def silence(deaf_s: float) -> Disturb:
    """All connections that are open then fall silent, and those of the next `deaf_s` seconds."""

    def disturb(named: NamedRedis) -> None:
        named.name.is_deaf = deaf_s > 0
        named.name.mute()
        time.sleep(deaf_s)
        named.name.is_deaf = False

    return disturb


def _delays(
    named: NamedRedis, stack: Stack, producers: Sequence[OpenProducer], disturb: Disturb
) -> Mapping[str, float]:
    """Seconds from its end until each producer's next success, and the next update's execution."""

    def counts() -> dict[str, int]:
        accepted = {producer.name: len(producer.lines) for producer in producers}
        return accepted | {"busy worker": sum(map(len, stack.sandbox.updates().values()))}

    began = time.monotonic()
    disturb(named)
    if disturb is not NamedRedis.fail_over:
        began = time.monotonic()
        time.sleep(UNDER_WAY_S)
    before = counts()
    delays = dict.fromkeys(before, math.inf)
    while math.inf in delays.values() and time.monotonic() - began < GIVES_UP_S:
        now = counts()
        for name, delay in delays.items():
            if delay == math.inf and now[name] > before[name]:
                delays[name] = time.monotonic() - began
        time.sleep(0.05)
    return delays


def _unkept(named: NamedRedis, stack: Stack, producers: Sequence[OpenProducer]) -> list[str]:
    """Promises of the chaos tests that were not kept, of everything that was accepted."""
    jobs = {number: job for producer in producers for number, job in producer.jobs.items()}
    plan = Plan((), (), (), (), dict(sorted(jobs.items())))
    records = Records()
    for producer in producers:
        getattr(records, producer.kind).extend(producer.lines)
    with (
        RevioJobs.connect(named.url) as client,
        producer_app(named.url) as app,
        Redis.from_url(named.url) as redis,
    ):
        endings = collect(client, app, plan, records, PATIENCE_S)
        report = judge(stack.sandbox, redis, plan, records, endings)
    ways = "; ".join(f"{kind} {dict(ways)}" for kind, ways in report.endings.items() if ways)
    print(f"{ways}; {report.repeated} executed twice", flush=True)
    return report.faults + deaf(stack)


def _seconds(delays: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {delay:.1f} s" for name, delay in delays.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.fail_over", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="fail-overs in a row")
    parser.add_argument("--load-s", type=float, default=3, help="seconds of load before each")
    parser.add_argument("--silence", action="store_true", help="of connections, no fail-over")
    parser.add_argument("--deaf-s", type=float, default=0, help="seconds, also of new ones")
    given = parser.parse_args()
    disturb = silence(given.deaf_s) if given.silence else NamedRedis.fail_over
    with TemporaryDirectory() as directory:
        faults = run(given.runs, given.load_s, Path(directory), disturb)
    for fault in faults:
        print(fault, flush=True)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
