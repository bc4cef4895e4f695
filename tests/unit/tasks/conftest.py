"""A vendor, a ledger and a clock that do as the test says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import structlog

from revio_jobs import errors
from revio_jobs.contracts import CustomerProductRecord, Lane, UpdateJob, job_id_of
from tasks.decision import Decision, Done, RetryPolicy
from tasks.ports import (
    AlreadyEnded,
    Call,
    Change,
    Filters,
    Lease,
    PartlyReadable,
    RawMessage,
    UnreadableRecord,
)
from tasks.update.attempt import UpdateTarget
from tasks.update.handler import UpdateHandler
from worker.ledger import LedgerTimes, MemoryLedger

LEASE_S = 45.0
EXECUTION_S = 30.0
EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)

FAULTS: dict[str, Exception] = {
    "throttled": errors.Throttled(9.0),
    "quota": errors.QuotaExhausted(2_000_000.0),
    "unavailable": errors.Unavailable("no answer"),
    "rejected": errors.Rejected("E1", "no"),
    "unauthorised": errors.Unauthorised("the key was refused"),
    "bug": KeyError("secret"),
}


class Killed(BaseException):
    """The worker has died: nothing after this line happens."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Execution:
    job_id: str
    values: Mapping[str, Any]
    clear: frozenset[str]


class Vendor:
    """Implements the Gateway port. `faults` are taken one a call; without any, all goes well.

    Beside those of FAULTS, which change nothing: lost (no answer, not executed), executed_lost,
    executed_late (no answer, executed just within the execution time), executed_bug, killed_first
    (before the intent), killed_unsent, killed_sent (executed), stalled (the lease ends before the
    intent).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.products: dict[int, dict[str, Any]] = {}
        self.unreadable: dict[int, UnreadableRecord] = {}
        self.executed: list[Execution] = []
        self.calls: list[Call] = []
        self.faults: Iterator[str] = iter(())
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens elsewhere while a call is under way."""
        self._late: list[tuple[float, Change, Call]] = []
        self._under_way = 0
        """Calls whose intent is noted: none outlasts its deadline, which is within its lease."""

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        self.calls.append(call)
        self.catch_up()
        fault = next(self.faults, "")
        if fault.startswith("killed"):
            raise Killed
        self._fail(fault)
        if unreadable := [self.unreadable[id_] for id_ in filters.ids if id_ in self.unreadable]:
            raise PartlyReadable([], unreadable)
        found = (self.products.get(product) for product in filters.ids)
        return [{**EMPTY, **entry} for entry in found if entry is not None]  # type: ignore[misc]

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        self.calls.append(call)
        self.catch_up()
        fault = next(self.faults, "")
        if fault in {"throttled", "quota"}:
            self._fail(fault)
        if fault == "killed_first":
            raise Killed
        if fault == "stalled" and not self._under_way:
            self._clock.advance(LEASE_S)
        self.meanwhile()
        before_send()
        self._under_way += 1
        try:
            self.meanwhile()
            self._fail(fault)
            self._carry_out(fault, change, call)
        finally:
            self._under_way -= 1

    def _carry_out(self, fault: str, change: Change, call: Call) -> None:
        if fault == "killed_unsent":
            raise Killed
        if fault == "executed_late":
            self._late.append((self._clock() + EXECUTION_S - 1, change, call))
        elif fault != "lost":
            self._execute(change, call)
        self.meanwhile()
        if fault == "killed_sent":
            raise Killed
        if fault == "executed_bug":
            raise FAULTS["bug"]
        if fault in {"lost", "executed_lost", "executed_late"}:
            raise errors.OutcomeUnknown("no answer")

    def _fail(self, fault: str) -> None:
        if fault in FAULTS:
            raise FAULTS[fault]

    def catch_up(self) -> None:
        """What was executed late is done once its time has come."""
        for due, change, call in list(self._late):
            if due <= self._clock():
                self._late.remove((due, change, call))
                self._execute(change, call)

    def _execute(self, change: Change, call: Call) -> None:
        assert call.job_id
        self.executed.append(Execution(call.job_id, change.values, change.clear))
        product = self.products.setdefault(change.id, {"customer_product_id": change.id})
        product |= {name: as_json(value) for name, value in change.values.items()}
        product |= dict.fromkeys(change.clear)


def as_json(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else value


class FlakyLedger(MemoryLedger):
    """`faults` are taken one a step: "refused" (nothing happened) or "unheard" (it did)."""

    faults: Iterator[str] = iter(())

    def _step(self, do: Callable[[], Any]) -> Any:
        fault = next(self.faults, "")
        if fault == "refused":
            raise errors.Unavailable("Redis is away")
        answer = do()
        if fault == "unheard":
            raise errors.Unavailable("Redis went away")
        return answer

    def claim(self, job: UpdateJob, job_id: str, lane: Lane, raw: RawMessage | None = None) -> Any:
        return self._step(lambda: MemoryLedger.claim(self, job, job_id, lane, raw))

    def intend(self, lease: Lease, fields: frozenset[str]) -> None:
        self._step(lambda: MemoryLedger.intend(self, lease, fields))

    def settle(
        self, lease: Lease, outcome: Mapping[str, Any], how: str, wrote: frozenset[str]
    ) -> None:
        self._step(lambda: MemoryLedger.settle(self, lease, outcome, how, wrote))

    def requeue(self, lease: Lease, *, unknown: bool) -> None:
        self._step(lambda: MemoryLedger.requeue(self, lease, unknown=unknown))

    def delay(self, lease: Lease, seconds: float, *, unknown: bool, why: str = "") -> None:
        self._step(lambda: MemoryLedger.delay(self, lease, seconds, unknown=unknown, why=why))

    def defer(self, lease: Lease, seconds: float, *, unknown: bool) -> None:
        self._step(lambda: MemoryLedger.defer(self, lease, seconds, unknown=unknown))


class World:
    """One account, its vendor, and as many workers as run at a time."""

    def __init__(self, *, read_lag_s: float = 0.0, **policy: Any) -> None:
        self.clock = Clock()
        self.vendor = Vendor(self.clock)
        times = LedgerTimes(lease_s=LEASE_S, result_retention_s=86_400, key_retention_s=604_800)
        self.ledger = FlakyLedger(times, self.clock)
        self.lag_left_s = 0.0
        target = UpdateTarget(
            self.vendor, self.vendor, EXECUTION_S, read_lag_s, lambda _: self.lag_left_s
        )
        self.handler = UpdateHandler(
            {"default": target},
            self.ledger,
            retries=replace(RetryPolicy(), **policy),
            chance=random.Random(0),
            clock=self.clock,
            sleep=self.clock.advance,
        )
        self.jobs: dict[str, UpdateJob] = {}

    def submit(self, key: str, **fields: Any) -> str:
        """Accept a job of product 1, if none is named; the answer is its id."""
        job = UpdateJob.model_validate({"id": 1, "idempotency_key": key, **fields})
        job_id = job_id_of(job.account, key)
        self.ledger.reserve(job, job_id, Lane.BULK)
        self.jobs[key] = job
        return job_id

    def deliver(self, key: str, *faults: str, withdrawn: str = "") -> Decision | None:
        """The job's message comes to a worker; None when that dies of it."""
        if faults:
            self.vendor.faults = iter(faults)
        job = self.jobs[key]
        try:
            return self.handler.run(job, job_id_of(job.account, key), Lane.BULK, withdrawn)
        except Killed:
            return None

    def later(self, seconds: float = EXECUTION_S + LEASE_S) -> None:
        self.clock.advance(seconds)

    def outcome(self, key: str) -> dict[str, Any] | None:
        job = self.jobs[key]
        claim = MemoryLedger.claim(self.ledger, job, job_id_of(job.account, key), Lane.BULK)
        assert isinstance(claim, AlreadyEnded), claim
        return dict(claim.outcome) if claim.outcome is not None else None

    def purposes(self) -> list[str]:
        return [call.purpose.value for call in self.vendor.calls]

    def flaky(self, faults: Iterable[str]) -> None:
        self.ledger.faults = iter(faults)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Thousands of faults are played; drawing their tracebacks would take most of the time."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    return World


def result_of(step: Decision | None) -> dict[str, Any]:
    assert isinstance(step, Done), step
    return dict(step.outcome["ok"])


@pytest.fixture(scope="session")
def result() -> Callable[[Decision | None], dict[str, Any]]:
    """The result of a job that ended well."""
    return result_of
