"""Calls per minute and the vendor's 429s, ours against two usual ways: `python -m bench.limits`.

Each contestant has the same stand-in of the vendor with the same limit, a Redis of its own, a
backlog larger than the limit, and four worker processes of 16 threads on the same machine. One of
them is killed after a third of the time and started again some seconds later. What is counted is
what the vendor's stand-in has seen from the first call on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from celery import Celery

from bench.peers.celery_tasks import TASK
from cli.dev import Stack, local_stack
from cli.dev.service import Service
from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.contracts import queue_name
from sandbox import Account
from simulation.figures import most_in_a_minute

ROOT = Path(__file__).parents[1]
WORKERS = 4
DOWN_S = 5.0


@dataclass(frozen=True)
class Race:
    limit: int
    """Calls per minute."""
    seconds: float
    latency: str

    @property
    def backlog(self) -> int:
        return round(self.limit * (self.seconds / 60 + 1) * 1.2)


@dataclass(frozen=True)
class Score:
    calls: int
    use: float
    """Share of what the limit allows in the time."""
    throttled: int
    most_in_a_minute: int


Start = Callable[[Stack, Race], list[Service]]
"""Fills the queue and returns workers that have not been started."""


def ours(stack: Stack, race: Race) -> list[Service]:
    with RevioJobs.connect(stack.redis.url) as jobs:
        ids = sorted(stack.sandbox.products())[: race.backlog]
        jobs.submit([UpdateJob(id=id_, rate="12.50") for id_ in ids], Lane.BULK)
    environment = {**stack.environment, "REVIO_LOG_FORMAT": "json"}
    return _workers(stack, "worker", environment, ["-Q", queue_name("default", Lane.BULK)])


def peer(stack: Stack, race: Race, **limit: str) -> list[Service]:
    with Celery("producer", broker=stack.redis.url) as app:
        for id_ in sorted(stack.sandbox.products())[: race.backlog]:
            app.send_task(TASK, (id_, "12.50"))
    account = Account()
    login = (account.username, account.password, account.client_code, account.subscription_key)
    environment = {
        "REDIS_URL": stack.redis.url,
        "ENDPOINT": stack.sandbox.endpoint,
        "LOGIN": json.dumps(login),
        **limit,
    }
    return _workers(stack, "bench.peers.celery_tasks", environment, [])


def _workers(
    stack: Stack, app: str, environment: dict[str, str], options: Sequence[str]
) -> list[Service]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "client" / "src")])
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": str(stack.directory)}
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-l", "ERROR", *options]
    return [
        Service(name, [*command, "-n", f"{name}@local"], inherited | environment, stack.directory)
        for name in (f"worker{number}" for number in range(WORKERS))
    ]


@contextmanager
def _running(workers: Sequence[Service]) -> Iterator[None]:
    try:
        for worker in workers:
            worker.start()
        yield
    finally:
        for worker in workers:
            worker.send(signal.SIGTERM)
        for worker in workers:
            worker.wait_or_kill()


def run(race: Race, start: Start) -> Score:
    sandbox = {"calls_per_minute": race.limit, "calls_per_day": 0, "latency": race.latency}
    with local_stack(
        workers={},
        sandbox=sandbox,
        environment={"REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": str(race.limit)},
    ) as stack:
        workers = start(stack, race)
        with _running(workers):
            while not stack.sandbox.calls()["received"]:
                time.sleep(0.05)
            time.sleep(race.seconds / 3)
            workers[0].kill()
            time.sleep(DOWN_S)
            workers[0].start()
            time.sleep(race.seconds * 2 / 3 - DOWN_S + 2)
        return _score(race, stack.sandbox.calls(listed=True)["calls"])


def _score(race: Race, calls: Sequence[dict[str, float]]) -> Score:
    first = min(call["at"] for call in calls)
    seen = [call for call in calls if call["at"] < first + race.seconds]
    accepted = sorted(call["at"] for call in seen if call["status"] != 429)
    return Score(
        calls=len(accepted),
        use=len(accepted) / (race.limit * race.seconds / 60),
        throttled=len(seen) - len(accepted),
        most_in_a_minute=most_in_a_minute(accepted),
    )


def contestants(race: Race) -> dict[str, Start]:
    return {
        "ours": ours,
        "Celery's rate_limit": partial(peer, RATE_LIMIT=f"{race.limit // WORKERS}/m"),
        "limits, moving window": partial(peer, MOVING_WINDOW=f"{race.limit}/minute"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--limit", type=int, default=600, help="calls per minute")
    parser.add_argument("--latency", default="50-800", help="ms, of the vendor")
    parser.add_argument("--who", default="", help="only those whose names begin so")
    given = vars(parser.parse_args())
    who, race = given.pop("who"), Race(**given)
    print(f"{race.limit} calls per minute are allowed, for {race.seconds:g} s")
    print(f"{'':<24}{'calls':>8}{'use':>8}{'429s':>8}{'most in 60 s':>14}")
    for name, start in contestants(race).items():
        if not name.startswith(who):
            continue
        calls, use, throttled, most = astuple(run(race, start))
        print(f"{name:<24}{calls:>8}{use:>8.1%}{throttled:>8}{most:>14}", flush=True)


if __name__ == "__main__":
    main()
