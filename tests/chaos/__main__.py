"""Real processes under load while everything around them fails; then every promise is checked.

    python -m tests.chaos [--seed N] [--runs 10] [--updates 1000] [--short | --power-cuts]
                          [--beside COMMIT]

A seed repeats the plan and the order and pauses of the deeds; what the machine does in between is
its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import job_id_of
from tests.chaos.collect import collect
from tests.chaos.earlier_release import checkout, run_from
from tests.chaos.havoc import Havoc
from tests.chaos.plan import POWER_CUTS, SHORT, Plan, Size, Submission, key_of, make_plan
from tests.chaos.records import Records, lines_of
from tests.chaos.report import ChaosReport, deaf, judge

QUEUE = "revio.default.bulk"
LEASE_S = 13
PATIENCE_S = 240
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
# All lines are submitted in this share of the time in which things go wrong.
SUBMITTED_IN = 0.7
BATCH = 5


@dataclass
class Producers:
    """The producers' processes and what they record, by name."""

    services: dict[str, Service] = field(default_factory=dict)
    records: dict[str, tuple[str, Path]] = field(default_factory=dict)
    """Kind and file."""

    def wait(self) -> None:
        """Until all have submitted everything. Raises ServiceError if one has crashed."""
        for name, (_, path) in self.records.items():
            has_ended = False
            while not any("done" in line for line in lines_of(path)):
                if has_ended:
                    self.services[name].check()
                has_ended = self.services[name].pid is None
                time.sleep(0.2)


def run(seed: int, size: Size, appendfsync: str, beside: Path | None) -> ChaosReport:
    chance = random.Random(seed)
    plan = make_plan(size, chance)
    workers = {f"bulk{number}": (QUEUE,) for number in (1, 2)}
    with (
        local_stack(
            workers=workers,
            sandbox={"customers": 2000, "calls_per_minute": 0, "latency": 0.02, "seed": seed},
            environment=ENVIRONMENT,
            appendonly=True,
        ) as stack,
        producing(stack, plan, spread_s=size.spread_s, beside=beside) as producers,
    ):
        havoc = Havoc(
            stack,
            sorted(workers),
            producers.services,
            size,
            chance,
            stall_s=LEASE_S + 3,
            appendfsync=appendfsync,
        )
        if beside:
            run_from(beside, stack.services["bulk2"])
        havoc.begin()
        havoc.run()
        producers.wait()
        records = Records.read(producers.records.values())
        with (
            RevioJobs.connect(stack.redis.url) as jobs,
            Redis.from_url(stack.redis.url) as redis,
            producer_app(stack.redis.url) as app,
        ):
            endings = collect(jobs, app, plan, records, PATIENCE_S)
            havoc.end()
            report = judge(stack.sandbox, redis, plan, records, endings)
        report.faults += deaf(stack)
        ways = "; ".join(f"{kind} {dict(ways)}" for kind, ways in report.endings.items())
        print(
            f"seed {seed}: {ways}; {report.repeated} repeated, after {dict(havoc.done)},"
            f" {stack.sandbox.calls()['received']} calls"
            + (f", {havoc.unsynced_bytes} bytes not synced" if size.power_cuts else ""),
            flush=True,
        )
    return report


@contextmanager
def producing(
    stack: Stack, plan: Plan, *, spread_s: float, beside: Path | None
) -> Iterator[Producers]:
    producers = Producers()
    with ExitStack() as ends:
        for name, kind, lines in _lists(plan):
            listed, record = (stack.directory / f"{name}.{end}" for end in ("json", "record"))
            listed.write_text(json.dumps(lines), encoding="utf-8")
            batches = len(lines) / (BATCH if kind == "client" else 1)
            pause_s = spread_s * SUBMITTED_IN / max(batches, 1)
            command = [sys.executable, "-m", "tests.chaos.producer", kind, stack.redis.url]
            command += [str(listed), str(record), f"{pause_s:.3f}"]
            service = Service(name, command, stack.process_environment(), stack.directory)
            producers.services[name], producers.records[name] = service, (kind, record)
            service.start()
            if beside and len(producers.services) % 2:
                run_from(beside, service)
            ends.callback(service.kill)
        yield producers


def _lists(plan: Plan) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """Name, kind and lines of each producer."""
    for number, submissions in enumerate(plan.client):
        lines = [
            {"number": line.number, "kind": line.kind, "job": line.job.kwargs()}
            for line in submissions
        ]
        yield f"client{number}", "client", lines
    for number, submissions in enumerate(plan.raw):
        raw = [
            {"number": line.number, "job": line.job.kwargs(), "task": _task(line)}
            for line in submissions
        ]
        yield f"raw{number}", "raw", raw
    for number, canvases in enumerate(plan.canvases):
        drawn = [
            {
                "number": canvas.number,
                "form": canvas.form,
                "product": canvas.product,
                "jobs": [job.kwargs() for job in canvas.updates],
            }
            for canvas in canvases
        ]
        yield f"canvases{number}", "canvases", drawn
    for number, queries in enumerate(plan.queries):
        yield f"queries{number}", "queries", [{"ids": ids} for ids in queries]


def _task(submission: Submission) -> str:
    """Half of the raw messages have the id that their job has, as those without a key do."""
    if submission.number % 2:
        return job_id_of(submission.job.account, key_of(submission.number))
    return str(uuid.uuid4())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--runs", type=int, default=1, help="as many seeds in a row")
    parser.add_argument("--updates", type=int, default=Size.updates)
    parser.add_argument("--short", action="store_true", help="a tenth of it, for CI")
    parser.add_argument("--power-cuts", action="store_true", help="20 of them, and nothing else")
    parser.add_argument("--appendfsync", default="always", help="of a Redis whose power is cut")
    parser.add_argument(
        "--beside", metavar="COMMIT", help="whose code half of the workers and producers run"
    )
    given = parser.parse_args()
    size = SHORT if given.short else Size().of(given.updates)
    if given.power_cuts:
        size = POWER_CUTS
    failed = False
    with checkout(given.beside) as beside:
        for seed in range(given.seed, given.seed + given.runs):
            for fault in run(seed, size, given.appendfsync, beside).faults:
                print(f"seed {seed}: {fault}", flush=True)
                failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
