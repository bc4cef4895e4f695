"""`make certify-proof`: random vendors, each certified; the findings are held to the truth."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic

import structlog

from tests.certification.trial import Trial, try_vendor


def _quiet() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.certification", description=__doc__)
    parser.add_argument("--vendors", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    began = monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(given.processes, initializer=_quiet) as pool,
    ):
        seeds = range(given.seed, given.seed + given.vendors)
        trials = list(pool.map(partial(try_vendor, folder=Path(folder)), seeds))
    return _report(trials, monotonic() - began)


def _report(trials: list[Trial], seconds: float) -> int:
    for trial in trials:
        for fault in trial.faults:
            print(f"vendor {trial.seed}: {fault}")
    unknown = Counter(name for trial in trials for name in trial.unknown)
    faulty = sum(trial.vendor.has_faults for trial in trials)
    print(
        f"{len(trials)} vendors ({faulty} with faults, {sum(t.deaths for t in trials)} deaths): "
        f"{sum(t.findings for t in trials)} findings, {sum(t.calls for t in trials)} calls, "
        f"{seconds:.0f} s"
    )
    print(f"not found out because of faults: {dict(unknown) or 'nothing'}")
    wrong = sum(bool(trial.faults) for trial in trials)
    print(f"{wrong} vendors were not as certified" if wrong else "all findings are true")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
