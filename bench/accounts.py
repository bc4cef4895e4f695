"""What accounts cost a worker, idle and busy: `python -m bench.accounts [--before CHECKOUT]`.

With `--fairness`: how long an account's interactive queries take, alone and while another account
of the same worker has 100,000 updates waiting.

Each line is one worker that serves so many accounts: first idle, then with one account in ten busy
(an update per second each). With `--before` another checkout is measured too, turn and turn about,
in this environment. Redis's commands include those that scripts call.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
from redis import Redis

from bench.field import ROOT, cpu_s
from cli.dev import Service, Stack, local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob, as_completed
from revio_jobs.contracts import Job
from revio_jobs.ledger_keys import LedgerKeys
from sandbox import Account

SIZES = (1, 10, 100, 500)
SETTLE_S = 5.0
IDLE_S = 10.0
BUSY_S = 10
PATIENCE_S = 180.0
BACKLOG = 100_000
QUERIES = 150
QUERY_EVERY_S = 0.2
FIRST = 5001
PRODUCTS = 4000
MB = 2**20


@dataclass(frozen=True)
class Growth:
    """What one worker used."""

    first_job_s: float
    memory_mb: float
    threads: int
    idle: tuple[float, float]
    """Cores, and Redis's commands per second."""
    busy: tuple[float, float]
    busy_p99_ms: float

    def __str__(self) -> str:
        return (
            f"{self.first_job_s:.1f} s | {self.memory_mb:.0f} MB | {self.threads} "
            f"| {self.idle[0]:.3f} | {self.idle[1]:.0f} "
            f"| {self.busy[0]:.3f} | {self.busy[1]:.0f} | {self.busy_p99_ms:.0f} ms"
        )


@dataclass(frozen=True)
class Resellers:
    """Accounts at one vendor, each with limits of its own, and the worker that serves them."""

    stack: Stack
    checkout: Path
    size: int

    @property
    def names(self) -> list[str]:
        return [f"reseller{number}" for number in range(self.size)]

    def environment(self) -> dict[str, str]:
        login = Account()
        settings = {
            "ENDPOINT": self.stack.sandbox.endpoint,
            "USERNAME": login.username,
            "PASSWORD": login.password,
            "CLIENT_CODE": login.client_code,
            "SUBSCRIPTION_KEY": login.subscription_key,
        }
        own = {
            f"REVIO_ACCOUNTS__{account.upper()}__{name}": value
            for account in self.names
            for name, value in settings.items()
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.stack.directory),
            "PYTHONPATH": os.pathsep.join([str(self.checkout), str(self.checkout / "client/src")]),
            "REVIO_REDIS_URL": self.stack.redis.url,
            "REVIO_WSDL_CACHE_DIR": str(self.stack.directory / "wsdl"),
            **own,
        }

    @contextmanager
    def worker(self) -> Iterator[Service]:
        command = [sys.executable, "-m", "celery", "-A", "worker", "worker"]
        name = f"{self.checkout.name}-{self.size}"
        service = Service(name, command, self.environment(), self.stack.directory)
        service.start()
        try:
            yield service
        finally:
            service.kill()


def measure(resellers: Resellers) -> Growth:
    url = resellers.stack.redis.url
    with RevioJobs.connect(url) as jobs, Redis.from_url(url) as redis:
        redis.flushall()
        products = count()
        accounts = resellers.names

        def submit(account: str) -> Job:
            return UpdateJob(account=account, id=FIRST + next(products) % PRODUCTS, rate="12.50")

        started = time.perf_counter()
        (first,) = jobs.submit([submit(accounts[-1])], Lane.INTERACTIVE)
        with resellers.worker() as worker:
            worker.wait_until(first.done, timeout_s=PATIENCE_S)
            first_job_s = time.perf_counter() - started
            time.sleep(SETTLE_S)
            process = psutil.Process(worker.pid)
            threads, memory = process.num_threads(), process.memory_full_info().uss
            idle = usage(worker, redis, lambda: time.sleep(IDLE_S))
            delays: list[float] = []

            def traffic() -> None:
                for _ in range(BUSY_S):
                    delays.extend(round_of(jobs, [submit(account) for account in accounts[::10]]))

            busy = usage(worker, redis, traffic)
            worker.check()
    p99_s = sorted(delays)[len(delays) * 99 // 100]
    return Growth(first_job_s, memory / MB, threads, idle, busy, p99_s * 1e3)


def delays_of_queries(jobs: RevioJobs, account: str) -> list[float]:
    """Seconds, shortest first."""
    delays = []
    for number in range(QUERIES):
        began = time.perf_counter()
        jobs.query(account=account, ids=[FIRST + number]).result(PATIENCE_S)
        delays.append(time.perf_counter() - began)
        time.sleep(QUERY_EVERY_S)
    return sorted(delays)


def beside_a_backlog(resellers: Resellers) -> str:
    """The first account is busy, the last one asks."""
    url, busy, asking = resellers.stack.redis.url, resellers.names[0], resellers.names[-1]
    with RevioJobs.connect(url) as jobs, Redis.from_url(url) as redis:
        redis.flushall()
        with resellers.worker() as worker:
            first = jobs.query(account=asking, ids=[FIRST])
            worker.wait_until(first.done, timeout_s=PATIENCE_S)
            alone = delays_of_queries(jobs, asking)
            for lane in Lane:
                jobs.submit(
                    (
                        UpdateJob(account=busy, id=FIRST + number % PRODUCTS, rate="12.50")
                        for number in range(BACKLOG // 2)
                    ),
                    lane,
                )
            beside = delays_of_queries(jobs, asking)
            waiting = sum(redis.zcard(LedgerKeys(busy).waiting(lane)) for lane in Lane)
            worker.check()
    cells = [delays[QUERIES * part // 100] * 1e3 for delays in (alone, beside) for part in (50, 99)]
    cells.append(cells[3] - cells[1])
    return " | ".join(f"{cell:.0f} ms" for cell in cells) + f" | {waiting:,}"


def round_of(jobs: RevioJobs, updates: Sequence[Job]) -> list[float]:
    """Submits them and lasts a second, or until all have ended; returns how long each took."""
    began = time.perf_counter()
    handles = jobs.submit(updates, Lane.INTERACTIVE)
    delays = [time.perf_counter() - began for _ in as_completed(handles, PATIENCE_S)]
    time.sleep(max(0.0, began + 1 - time.perf_counter()))
    return delays


def usage(worker: Service, redis: Redis, work: Callable[[], None]) -> tuple[float, float]:
    """Cores of the worker, and Redis's commands per second, during `work`."""

    def commands() -> int:
        return int(redis.info("stats")["total_commands_processed"])

    began, cpu, before = time.perf_counter(), cpu_s([worker]), commands()
    work()
    took_s = time.perf_counter() - began
    return (cpu_s([worker]) - cpu) / took_s, (commands() - before) / took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout, measured alongside this one")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of accounts")
    parser.add_argument("--short", action="store_true", help="1 and 10 accounts")
    parser.add_argument("--fairness", action="store_true", help="queries next to a backlog")
    given = parser.parse_args()
    sizes = [1, 10] if given.short else [int(size) for size in given.sizes.split(",")]
    checkouts = [checkout.resolve() for checkout in (given.before, ROOT) if checkout]
    if given.fairness:
        show_fairness([size for size in sizes if size > 1], checkouts)
        return
    print("| accounts | of | first job | memory | threads | idle: cores | commands/s ", end="")
    print("| busy: cores | commands/s | p99 |\n|---|---|---|---|---|---|---|---|---|---|")
    options = {"calls_per_minute": 0, "calls_per_day": 0, "customers": PRODUCTS}
    with local_stack(workers={}, sandbox=options) as stack:
        for size in sizes:
            for checkout in checkouts:
                label = "before" if checkout != ROOT.resolve() else "now"
                growth = measure(Resellers(stack, checkout, size))
                print(f"| {size} | {label} | {growth} |", flush=True)


def show_fairness(sizes: Sequence[int], checkouts: Sequence[Path]) -> None:
    print("| accounts | of | alone: median | p99 | beside: median | p99 | p99 later by | waiting |")
    print("|---|---|---|---|---|---|---|---|")
    options = {"calls_per_minute": 0, "calls_per_day": 0, "customers": PRODUCTS, "latency": 0.2}
    with local_stack(workers={}, sandbox=options) as stack:
        for size in sizes:
            for checkout in checkouts:
                label = "before" if checkout != ROOT.resolve() else "now"
                figures = beside_a_backlog(Resellers(stack, checkout, size))
                print(f"| {size} | {label} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
