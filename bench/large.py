"""A query of 10,000 records, from its submission to a list of them: `python -m bench.large`.

Plain is one call with zeep, its records as dicts through Celery's JSON. The caller is a process of
its own per reading. Memory is what the caller and the workers' processes grow by at their
peaks, in all. The line's letter is that of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from celery import Celery

from bench.field import Field, family, field, forget_peak, peak_and_now
from bench.peers.plain_jobs import QUERY
from bench.ratio import PAIRS, Target, compare
from cli.dev import Service
from revio_jobs import RevioJobs

RECORDS = range(5001, 15001)
PATIENCE_S = 120


def read(whose: str, url: str, ids: Sequence[int]) -> float:
    """Seconds; called in the caller's process."""
    if whose == "ours":
        with RevioJobs.connect(url) as jobs:
            started = time.perf_counter()
            products: Sequence[object] = jobs.query(ids=ids).result(PATIENCE_S).customer_products
            took = time.perf_counter() - started
    else:
        with Celery("caller", broker=url, backend=url, set_as_current=False) as app:
            started = time.perf_counter()
            products = app.send_task(QUERY, (list(ids),)).get(timeout=PATIENCE_S)
            took = time.perf_counter() - started
    assert len(products) == len(ids)
    return took


def be_caller(whose: str, url: str) -> None:
    """Prints the seconds that a reading took, and the bytes that this process grew by."""
    read(whose, url, RECORDS[:10])
    forget_peak(os.getpid())
    _, before = peak_and_now(os.getpid())
    took = read(whose, url, RECORDS)
    print(json.dumps([took, peak_and_now(os.getpid())[0] - before]))


def reading(place: Field, whose: str, workers: Sequence[Service]) -> tuple[float, float]:
    """Seconds and bytes."""
    caller = [sys.executable, "-m", "bench.large", "--caller", whose, place.stack.redis.url]
    subprocess.run(
        caller, check=True, capture_output=True
    )  # the worker's first is not its usual one
    pids = [process.pid for worker in workers for process in family(worker)]
    for pid in pids:
        forget_peak(pid)
    before = {pid: peak_and_now(pid)[1] for pid in pids}
    output = subprocess.run(caller, check=True, capture_output=True, text=True).stdout
    took, grown = json.loads(output)
    return took, grown + sum(max(peak_and_now(pid)[0] - before[pid], 0) for pid in pids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one pair")
    parser.add_argument("--caller", nargs=2, help=argparse.SUPPRESS)
    given, _ = parser.parse_known_args()
    if given.caller:
        be_caller(*given.caller)
        return
    pairs = 1 if given.short else PAIRS
    measured = []
    with field(customers=4000) as place:
        for _ in range(pairs):
            with place.ours() as workers:
                mine = reading(place, "ours", workers)
            with place.theirs("-c", "1") as workers:
                measured.append((mine, reading(place, "theirs", workers)))
            place.empty()
    for target, which, scale in (
        (Target("d. speed of a query of 10,000 records", "readings/s", least=6), 0, -1),
        (Target("d. its memory", "MB", most=0.4), 1, 1e-6),
    ):
        mine = iter([pair[0][which] for pair in measured])
        peer = iter([pair[1][which] for pair in measured])

        def scaled(value: float, scale: float = scale) -> float:
            return 1 / value if scale < 0 else value * scale

        compare(
            target,
            lambda mine=mine, scaled=scaled: scaled(next(mine)),
            lambda peer=peer, scaled=scaled: scaled(next(peer)),
            pairs,
        )


if __name__ == "__main__":
    main()
