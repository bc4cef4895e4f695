"""What a job costs, against plain Celery and zeep: `python -m bench.jobs`.

Each line is a ratio of ours to theirs, measured turn and turn about on this machine; the letters
are those of docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

from bench.field import Field, await_plain, cpu_s, field, send_plain
from bench.peers.plain_jobs import NOTHING, QUERY, UPDATE
from bench.ratio import PAIRS, Target, compare, heading
from revio_jobs import Lane, QueryJob, UpdateJob, as_completed
from revio_jobs.contracts import Job

FIRST = 5001
PATIENCE_S = 600


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    pairs: int
    queries: int
    plain_queries: int
    updates: int
    submitted: int
    submitted_plainly: int
    waiting: int
    seconds_of_calls: float


FULL = Size(PAIRS, 2000, 250, 3000, 50_000, 5000, 10_000, 8.0)
SHORT = Size(1, 2000, 50, 500, 10_000, 1000, 2000, 3.0)


def rate(count: int, work: Callable[[], object]) -> float:
    """Jobs per second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def updates(count: int) -> list[Job]:
    """Updates of products that accept them, each under its own key."""
    accepting = (id_ for id_ in range(FIRST, FIRST + 2 * count) if id_ % 25)
    return [
        UpdateJob(id=id_, rate="12.50", idempotency_key=uuid.uuid4().hex)
        for id_ in islice(accepting, count)
    ]


def run_ours(place: Field, jobs: list[Job]) -> None:
    with place.jobs() as connected:
        handles = connected.submit(jobs, Lane.INTERACTIVE)
        for handle in as_completed(handles, PATIENCE_S):
            handle.result(0)


def run_plainly(place: Field, name: str, arguments: list[tuple[object, ...]]) -> None:
    with place.plain() as app:
        await_plain(app, send_plain(app, name, arguments))


def plain_updates(count: int) -> list[tuple[object, ...]]:
    return [(job.id, "12.50") for job in updates(count) if isinstance(job, UpdateJob)]


def batching(size: Size) -> None:
    """a"""
    singles: list[Job] = [QueryJob(ids=(FIRST + number % 4000,)) for number in range(size.queries)]
    plain: list[tuple[object, ...]] = [([FIRST + number],) for number in range(size.plain_queries)]

    def ours() -> float:
        with field(calls_per_minute=500, latency=0.2) as place, place.ours():
            return rate(len(singles), lambda: run_ours(place, singles))

    def theirs() -> float:
        with (
            field(calls_per_minute=500, latency=0.2) as place,
            place.theirs("-c", "4", RATE_LIMIT="500/m"),
        ):
            return rate(len(plain), lambda: run_plainly(place, QUERY, plain))

    target = Target("a. single-id queries at 500 calls per minute", "jobs/s", least=50)
    compare(target, ours, theirs, size.pairs)


def throughput(size: Size) -> None:
    """b and c: two processes each, a vendor that answers at once, and no limit."""
    count = size.updates

    def ours(place: Field) -> tuple[float, float]:
        with place.ours(2) as workers:
            run_ours(place, updates(50))
            before = cpu_s(workers)
            per_s = rate(count, lambda: run_ours(place, updates(count)))
            return per_s, (cpu_s(workers) - before) / count * 1e3

    def theirs(place: Field, name: str) -> tuple[float, float]:
        with place.theirs("-c", "2") as workers:
            run_plainly(place, name, plain_updates(50))
            before = cpu_s(workers)
            per_s = rate(count, lambda: run_plainly(place, name, plain_updates(count)))
            return per_s, (cpu_s(workers) - before) / count * 1e3

    with field(customers=4000) as place:
        mine, plain, bare = [], [], []
        for _ in range(size.pairs):
            for column, measured in (
                (mine, lambda: ours(place)),
                (plain, lambda: theirs(place, UPDATE)),
                (bare, lambda: theirs(place, NOTHING)),
            ):
                place.empty()
                column.append(measured())

    def readings(column: list[tuple[float, float]], which: int) -> Callable[[], float]:
        values = iter([pair[which] for pair in column])
        return lambda: next(values)

    for target, peer, which in (
        (Target("b. updates per second, no limit, 0 ms", "jobs/s", least=1.2), plain, 0),
        (Target("b. CPU of an update in the workers", "ms"), plain, 1),
        (Target("c. CPU against a bare task", "ms", most=4), bare, 1),
        (Target("c. jobs per second against a bare task", "jobs/s"), bare, 0),
    ):
        compare(target, readings(mine, which), readings(peer, which), size.pairs)


def submitting(size: Size) -> None:
    """e and f"""
    jobs, waiting = updates(size.submitted), updates(size.waiting)
    with field() as place, place.jobs() as ours, place.plain() as plain:

        def submit() -> float:
            place.empty()
            return rate(len(jobs), lambda: ours.submit(jobs))

        def apply_async() -> float:
            place.empty()
            return rate(
                size.submitted_plainly,
                lambda: send_plain(plain, UPDATE, plain_updates(size.submitted_plainly)),
            )

        def bytes_of(work: Callable[[], object]) -> float:
            place.empty()
            with place.redis() as redis:
                before = redis.info("memory")["used_memory"]
                work()
                return float(redis.info("memory")["used_memory"] - before) / size.waiting

        def message() -> None:
            """The same content: an idempotency key, too."""
            for job in waiting:
                plain.send_task(UPDATE, kwargs=job.kwargs())

        compare(
            Target("e. submitting many jobs", "jobs/s", least=10), submit, apply_async, size.pairs
        )
        compare(
            Target("f. Redis memory of a waiting job", "bytes", most=1.5),
            lambda: bytes_of(lambda: ours.submit(waiting)),
            lambda: bytes_of(message),
            size.pairs,
        )


def latency(size: Size) -> None:
    """g: theirs is what so many threads can do at 200 ms a call."""
    for threads in (8, 16, 32):
        count = int(threads * 5 * size.seconds_of_calls)
        with field(latency=0.2) as place, place.ours(REVIO_THREADS=threads) as workers:
            run_ours(place, updates(threads))

            def ours(place: Field = place, count: int = count) -> float:
                place.stack.sandbox.reset()
                run_ours(place, updates(count))
                return place.steady_rate()

            before = place.cpu_by_part(workers)
            target = Target(f"g. calls of 200 ms in {threads} threads", "calls/s", least=0.9)
            compare(target, ours, lambda ideal=threads * 5.0: ideal, size.pairs)
            used = {part: s - before[part] for part, s in place.cpu_by_part(workers).items()}
            each = (f"{part} {s / size.pairs / count * 1e3:.2f}" for part, s in used.items())
            print(f"  its CPU, ms a call: {', '.join(each)}", flush=True)


def starting(size: Size) -> None:
    """h: a job waits; the worker is started."""

    @contextmanager
    def first_job(place: Field, app: str, *options: str) -> Iterator[None]:
        worker = place.service(app, 0, options, {})
        worker.start()
        try:
            yield
        finally:
            worker.kill()

    with field(operations=200, customers=100) as place:

        def ours() -> float:
            place.empty()
            with place.jobs() as jobs:
                handle = jobs.update(id=FIRST, rate="12.50")
                started = time.perf_counter()
                with first_job(place, "worker", "-Q", "revio.default.interactive"):
                    handle.result(60)
                    return time.perf_counter() - started

        def theirs() -> float:
            place.empty()
            with place.plain() as app:
                results = send_plain(app, UPDATE, [(FIRST, "12.50")])
                started = time.perf_counter()
                with first_job(place, "bench.peers.plain_jobs", "-c", "2"):
                    await_plain(app, results)
                    return time.perf_counter() - started

        with suppress(FileNotFoundError):
            compare(Target("h. start to first job", "s", most=1.2), ours, theirs, size.pairs)


ALL = {"a": batching, "bc": throughput, "ef": submitting, "g": latency, "h": starting}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one small pair each")
    parser.add_argument("--only", choices=ALL, help="one of them alone")
    given, _ = parser.parse_known_args()
    heading()
    for name, benchmark in ALL.items():
        if given.only in {None, name}:
            benchmark(SHORT if given.short else FULL)


if __name__ == "__main__":
    sys.exit(main())
