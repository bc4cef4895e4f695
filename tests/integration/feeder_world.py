"""Runs on a real Redis, with a vendor in memory that stands for queue, workers and Rev.io."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis import Redis

from campaigns.guard_rails.rails import Rails
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.run.feeder import CampaignFeeder
from campaigns.run.ports import JobEnd
from campaigns.run.request import stages
from campaigns.run.share import FeederLimits
from campaigns.run.spec import RunSpec
from campaigns.run.state import RunState, Status
from campaigns.store import OperatorStore, RedisRuns
from campaigns.store.run_codec import dump_gate
from revio_jobs.contracts import CustomerProductRecord, UpdateJob
from revio_jobs.errors import Unavailable

RUN = "june-1a2b3c4d5e"
EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)
MANY = 10_000


class Killed(BaseException):
    """The worker has died: nothing after this line happens."""


@dataclass
class Vendor:
    """Products, and the jobs that came to it; it stands for queue, workers and Rev.io together."""

    rates: dict[int, str]
    rejects: frozenset[int] = frozenset()
    ended: dict[str, JobEnd] = field(default_factory=dict)
    waiting: dict[str, UpdateJob] = field(default_factory=dict)
    executions: Counter[int] = field(default_factory=Counter)
    reads: int = 0
    withdraws: bool = False
    most_waiting: int = 0
    wrong: frozenset[int] = frozenset()
    """Products that take another rate than they are given."""

    def submit(self, jobs: Sequence[UpdateJob]) -> dict[str, JobEnd | None]:
        for job in jobs:
            key = str(job.idempotency_key)
            if key not in self.ended:
                self.waiting.setdefault(key, job)
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        return {str(job.idempotency_key): self.ended.get(str(job.idempotency_key)) for job in jobs}

    def answers(self, account: str, keys: Sequence[str]) -> dict[str, JobEnd]:
        return {key: self.ended[key] for key in keys if key in self.ended}

    def read(self, ids: Sequence[int]) -> dict[int, CustomerProductRecord]:
        self.reads += 1
        assert len(ids) <= 20
        return {one: self.record(one) for one in ids if one in self.rates}

    def record(self, one: int) -> CustomerProductRecord:
        found: Any = {**EMPTY, "customer_product_id": one, "rate": self.rates[one]}
        return {**found, "status": "ACTIVE"}

    def work(self, count: int = MANY) -> None:
        """Workers run so many of the waiting jobs."""
        for key, job in list(self.waiting.items())[:count]:
            del self.waiting[key]
            self.ended[key] = self._run(job)

    def _run(self, job: UpdateJob) -> JobEnd:
        if self.withdraws:
            return JobEnd(error="Withdrawn", says="paused")
        if job.id in self.rejects:
            return JobEnd(error="Rejected", says=f"product {job.id} is denied, 2.")
        self.executions[job.id] += 1
        self.rates[job.id] = "0.0100" if job.id in self.wrong else str(job.rate)
        return JobEnd({"outcome": "applied"})


@dataclass
class Lane:
    """Implements the BulkLane port."""

    reason: str = ""

    def closure_reason(self, account: str) -> str:
        return self.reason

    pause_reason = closure_reason


class Unreliable:
    """Before or after some of its calls the process dies, or Redis is away."""

    def __init__(self, target: Any, faults: Iterator[str]) -> None:
        self._target = target
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._target, name)

        def meet(*args: Any, **kwargs: Any) -> Any:
            fault = next(self._faults, "")
            if fault == "killed before":
                raise Killed
            if fault == "away":
                raise Unavailable("Redis is away")
            answer = call(*args, **kwargs)
            if fault == "killed after":
                raise Killed
            if fault == "unheard":
                raise Unavailable("Redis went away")
            return answer

        return meet


class World:
    def __init__(self, redis: Redis, rows: int, **vendor: Any) -> None:
        redis.flushall()
        self.now = 1_800_000_000.0
        self.vendor = Vendor({5000 + at: "10.0000" for at in range(rows)}, **vendor)
        self.runs = RedisRuns(redis, lease_s=30, keep_s=3600, clock=self.clock)
        self.store = OperatorStore(redis, "default", keep_s=3600, clock=self.clock)
        self.redis = redis
        self.lane = Lane()
        self.faults: Iterator[str] = iter(())
        self.feeder = self.new_feeder()

    def clock(self) -> float:
        return self.now

    def start(self, rows: int, run: str = RUN, **more: Any) -> None:
        canary = more.pop("canary", ())
        spec = RunSpec(run, "default", "june", "d", rows, stages(rows, canary), **more)
        self.store.start(
            spec,
            (plan_row(at) for at in range(rows)),
            gate=dump_gate(Rails(), {}, None, spec.timetable),
            rate=None,
            weight=2,
            by="ann",
            reason="",
        )

    def new_feeder(self) -> CampaignFeeder:
        return CampaignFeeder(
            "default",
            runs=Unreliable(self.runs, self._next_faults()),  # type: ignore[arg-type]
            jobs=Unreliable(self.vendor, self._next_faults()),  # type: ignore[arg-type]
            products=self.vendor,
            lane=self.lane,
            limits=FeederLimits(max_in_flight=10, ids_per_call=20, read_back_patience_s=1),
            clock=self.clock,
        )

    def _next_faults(self) -> Iterator[str]:
        while True:
            yield next(self.faults, "")

    def round(self, worked: int = MANY) -> None:
        """The feeder's step, and workers; a feeder that dies is followed by another."""
        try:
            self.feeder.step()
        except Killed:
            self.redis.delete("revio:default:campaigns:feeder")
            self.feeder = self.new_feeder()
        except Unavailable:
            pass
        self.vendor.work(worked)
        self.now += 0.5

    def until_it_stops(self, rounds: int = 400) -> RunState:
        for _ in range(rounds):
            self.round()
            state = self.state()
            if self.store.view(RUN).has_ended or state.status is Status.HALTED:
                return state
        pytest.fail(f"it does not stop: {self.state()}")

    def most_sent(self) -> int:
        return len(self.vendor.ended) + len(self.vendor.waiting)

    def state(self, run: str = RUN) -> RunState:
        return self.store.view(run).state

    def decide(self, what: str, status: Status) -> None:
        self.store.decide(RUN, what, by="bob", reason="", possible=list(Status), status=status)


def plan_row(at: int) -> PlannedRow:
    before, after = {"rate": "10.0000"}, {"rate": "10.50"}
    seen = {"status": "ACTIVE", "rate": "10.0000", "quantity": 1}
    return PlannedRow(RowClass.CHANGE, at + 2, 5000 + at, before, after, seen=seen)
