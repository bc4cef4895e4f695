"""A field for two contestants: a Redis, a stand-in of the vendor, and workers of either kind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from celery import Celery
from celery.result import AsyncResult
from redis import Redis

from cli.dev import Service, Stack, local_stack
from revio_jobs import RevioJobs
from revio_jobs.broker import CONTROL_EXCHANGE
from revio_jobs.contracts import Lane, queue_name
from sandbox import Account

ROOT = Path(__file__).parents[1]
QUEUE = queue_name("default", Lane.INTERACTIVE)
READY_S = 60
NO_LIMIT = 10_000_000


@contextmanager
def field(*, calls_per_minute: int = NO_LIMIT, **sandbox: object) -> Iterator[Field]:
    """Without a worker. `sandbox` holds options of its command line."""
    vendor = {"calls_per_minute": 0 if calls_per_minute == NO_LIMIT else calls_per_minute}
    limits = {
        "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": str(calls_per_minute),
        "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_DAY": str(NO_LIMIT),
        "REVIO_LOG_FORMAT": "json",
    }
    options = {**vendor, "calls_per_day": 0, **sandbox}
    with local_stack(workers={}, sandbox=options, environment=limits) as stack:
        yield Field(stack)


@dataclass(frozen=True)
class Field:
    stack: Stack

    @contextmanager
    def jobs(self) -> Iterator[RevioJobs]:
        with RevioJobs.connect(self.stack.redis.url) as connected:
            yield connected

    @contextmanager
    def plain(self) -> Iterator[Celery]:
        """A producer's app, as plain as the peers' workers."""
        url = self.stack.redis.url
        with Celery("producer", broker=url, backend=url, set_as_current=False) as app:
            yield app

    def empty(self) -> None:
        """No job, no ledger, no result."""
        with self.redis() as redis:
            redis.flushall()

    def redis(self) -> Redis:
        """A connection separate from the client's."""
        return Redis.from_url(self.stack.redis.url)

    @contextmanager
    def ours(self, count: int = 1, **settings: object) -> Iterator[list[Service]]:
        """Our workers, ready."""
        environment = {name: str(value) for name, value in settings.items()}
        with self._workers("worker", count, ["-Q", QUEUE], environment) as running:
            yield running

    @contextmanager
    def theirs(self, *options: str, **variables: str) -> Iterator[list[Service]]:
        """A plain worker, ready."""
        with self._workers("bench.peers.plain_jobs", 1, options, variables) as running:
            yield running

    @contextmanager
    def _workers(
        self, app: str, count: int, options: Sequence[str], variables: Mapping[str, str]
    ) -> Iterator[list[Service]]:
        workers = [self.service(app, number, options, variables) for number in range(count)]
        try:
            for worker in workers:
                worker.start()
            for number, worker in enumerate(workers):
                replies = partial(self._replies, app, f"{number}@bench")
                worker.wait_until(replies, timeout_s=READY_S)
            yield workers
        finally:
            for worker in workers:
                worker.send(signal.SIGTERM)
            for worker in workers:
                worker.wait_or_kill()

    def service(
        self, app: str, number: int, options: Sequence[str], variables: Mapping[str, str]
    ) -> Service:
        account = Account()
        login = (
            account.username,
            account.password,
            account.client_code,
            account.subscription_key,
        )
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client" / "src")]),
            "HOME": str(self.stack.directory),
            "REDIS_URL": self.stack.redis.url,
            "ENDPOINT": self.stack.sandbox.endpoint,
            "LOGIN": json.dumps(login),
            **self.stack.environment,
            **variables,
        }
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", f"{number}@bench"]
        return Service(f"{app}-{number}", [*command, *options], environment, self.stack.directory)

    def cpu_by_part(self, workers: Iterable[Service]) -> dict[str, float]:
        """Seconds of CPU that each part has used so far."""
        with self.redis() as connected:
            redis = connected.info("cpu")
        return {
            "workers": cpu_s(workers),
            "stand-in": cpu_s([self.stack.services["sandbox"]]),
            "producer": time.process_time(),
            "Redis": redis["used_cpu_user"] + redis["used_cpu_sys"],
        }

    def steady_rate(self) -> float:
        """Calls a second by the stand-in's clock, in the middle four fifths of those that it had.

        Before that not all threads have work yet, and behind it not all have any more.
        """
        at = sorted(call["at"] for call in self.stack.sandbox.calls(listed=True)["calls"])
        first, last = len(at) // 10, len(at) * 9 // 10
        return (last - first) / float(at[last] - at[first])

    def _replies(self, app: str, node: str) -> bool:
        with self.plain() as producer:
            if app == "worker":
                producer.conf.control_exchange = CONTROL_EXCHANGE
            return bool(producer.control.ping(destination=[node], timeout=0.3))


def await_plain(app: Celery, results: Sequence[AsyncResult]) -> None:
    """Until all have ended: looks at what is left, at as little cost as ours does."""
    backend = app.backend
    left = [backend.get_key_for_task(result.id) for result in results]
    while left:
        started = time.perf_counter()
        ended = []
        for start in range(0, len(left), 500):
            part = left[start : start + 500]
            ended += [
                key for key, value in zip(part, backend.client.mget(part), strict=True) if value
            ]
        gone = set(ended)
        left = [key for key in left if key not in gone]
        time.sleep(max(0.01, 5 * (time.perf_counter() - started)))


def send_plain(app: Celery, name: str, jobs: Iterable[tuple[Any, ...]]) -> list[AsyncResult]:
    return [app.send_task(name, args) for args in jobs]


def family(service: Service) -> list[psutil.Process]:
    parent = psutil.Process(service.pid)
    return [parent, *parent.children(recursive=True)]


def cpu_s(services: Iterable[Service]) -> float:
    """Seconds of CPU that the workers and their children have used."""
    times = [process.cpu_times() for service in services for process in family(service)]
    return sum(time.user + time.system for time in times)


def peak_and_now(pid: int) -> tuple[int, int]:
    """Bytes: the largest resident memory since `forget_peak`, and the present one."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return tuple(int(sizes[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))  # type: ignore[return-value]


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")
