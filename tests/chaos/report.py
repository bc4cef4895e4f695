"""Whether all promises were kept, by the sandbox's own record, the ledger and the callers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from cli.dev.service import ServiceError
from cli.dev.stack import Stack
from revio_jobs.contracts import DEFAULT_ACCOUNT
from sandbox import RunningSandbox
from tests.chaos.collect import Endings
from tests.chaos.plan import VENDOR_NAMES, Plan, writer_of
from tests.chaos.records import Line, Records
from worker.ledger import Auditor

# The share of the jobs that may be executed twice, where nothing could have told.
UNDECIDABLE_SHARE = 0.001

_ENDED = {"applied", "superseded", "OutcomeUnknown", "Unavailable"}


@dataclass
class ChaosReport:
    """What became of a run."""

    endings: Mapping[str, Counter[str]]
    """By kind: how many ended in each way."""
    repeated: int
    """Executions beyond one per job."""
    faults: list[str] = field(default_factory=list)
    """Promises that were not kept."""


def judge(
    sandbox: RunningSandbox, redis: Redis, plan: Plan, records: Records, endings: Endings
) -> ChaosReport:
    """Compare what callers were told with what the sandbox executed and the ledger holds."""
    executions = _executions(sandbox, plan)
    faults = [
        *_not_answered(endings),
        *_callers_that_heard_otherwise(endings),
        *_applied_without_execution(endings.updates, executions),
        *_executed_without_being_applied(endings.updates, executions),
        *_stale_values(sandbox, plan, endings.updates),
        *_conflicts(records.client),
        *_left_behind(redis),
        *_audited(redis, endings.accepted),
    ]
    repeated = sum(count - 1 for count in executions.values() if count > 1)
    if repeated > UNDECIDABLE_SHARE * len(plan.jobs):
        again = [number for number, count in executions.items() if count > 1]
        faults.append(f"executed more than once: {again}")
    return ChaosReport(_by_kind(endings), repeated, faults)


def deaf(stack: Stack) -> list[str]:
    """A worker that stands still is not missed while another takes its jobs."""
    try:
        stack.wait_until_ready()
    except ServiceError as exc:
        return [str(exc)]
    return []


def _by_kind(endings: Endings) -> dict[str, Counter[str]]:
    return {
        "updates": Counter(endings.updates.values()),
        "raw": Counter(endings.raw.values()),
        "canvases": Counter(endings.canvases.values()),
        "queries": Counter(endings.queries),
    }


def _executions(sandbox: RunningSandbox, plan: Plan) -> Counter[int]:
    """How often each update was executed, known by the values that only it writes."""
    names = {vendor: ours for ours, vendor in VENDOR_NAMES.items()}
    executions: Counter[int] = Counter()
    for product, executed in sandbox.updates().items():
        for update in executed:
            writers = {writer_of(names[name], text) for name, text in update["fields"].items()}
            assert len(writers) == 1, f"product {product}: one call wrote for {writers}"
            [number] = writers
            assert plan.jobs[number].id == product
            executions[number] += 1
    return executions


def _not_answered(endings: Endings) -> Iterator[str]:
    """Every caller hears its result, or an error that says what happened."""
    yield from (f"update {number} was never accepted" for number in endings.missing)
    for kind, known in (("update", endings.updates), ("raw update", endings.raw)):
        for number, how in known.items():
            if how not in _ENDED:
                yield f"{kind} {number}: {how}"
    for number, how in endings.canvases.items():
        if how != "ok":
            yield f"canvas {number}: {how}"
    for how in endings.queries:
        if how != "ok":
            yield f"a query: {how}"


def _callers_that_heard_otherwise(endings: Endings) -> list[str]:
    return [
        f"raw update {number} says {how}, and its key {endings.updates.get(number)}"
        for number, how in endings.raw.items()
        if how != endings.updates.get(number)
    ]


def _applied_without_execution(updates: Mapping[int, str], executions: Counter[int]) -> list[str]:
    return [
        f"update {number} says applied, and was never executed"
        for number, how in updates.items()
        if how == "applied" and not executions[number]
    ]


def _executed_without_being_applied(
    updates: Mapping[int, str], executions: Counter[int]
) -> list[str]:
    return [
        f"update {number} was executed, and says {updates.get(number)}"
        for number in executions
        if updates.get(number) not in {"applied", "OutcomeUnknown"}
    ]


def _stale_values(sandbox: RunningSandbox, plan: Plan, updates: Mapping[int, str]) -> list[str]:
    """Each field must show what the last submitted update wanted that was carried out."""
    wanted: dict[tuple[int, str], list[int]] = defaultdict(list)
    for number, job in plan.jobs.items():
        for name in job.changes():
            writers = wanted[job.id, name]
            if updates.get(number) in {"applied", "superseded"}:
                writers[:] = [number]
            elif updates.get(number) == "OutcomeUnknown":
                writers.append(number)
    products = sandbox.products({product for product, _ in wanted})
    return [
        f"product {product} shows {name} of update {writer}, not of {writers}"
        for (product, name), writers in wanted.items()
        if writers
        and (writer := _writer(name, products[product][VENDOR_NAMES[name]])) not in writers
    ]


def _writer(name: str, value: str | None) -> int | None:
    try:
        return None if value is None else writer_of(name, value)
    except (ValueError, IndexError):
        return None  # as the population made it


def _conflicts(client: Iterable[Line]) -> list[str]:
    return [
        f"a conflict for update {line['number']} was taken as {line['submission']}"
        for line in client
        if line["kind"] == "conflict" and line["submission"] != "conflict"
    ]


def _left_behind(redis: Redis) -> list[str]:
    """Nothing is locked, waiting or running when all has ended."""
    prefix = f"revio:{DEFAULT_ACCOUNT}:"
    sets = [f"{prefix}{name}" for name in ("running", "delayed", "waiting:bulk")]
    faults = [f"{name} still holds {redis.zcard(name)}" for name in sets if redis.zcard(name)]
    for pattern in ("parked:*", "line:*"):
        faults += [f"{key.decode()} is left" for key in redis.scan_iter(f"{prefix}{pattern}")]
    for key in redis.scan_iter(f"{prefix}product:*"):
        holder: Any = redis.hget(key, "holder")
        if holder:
            faults.append(f"{key.decode()} is held by {holder.decode()}")
    return faults


def _audited(redis: Redis, accepted: int) -> list[str]:
    """What `revio audit` says of the account; no job is under way any more."""
    audit = Auditor(redis, DEFAULT_ACCOUNT).audit()
    balance = audit.balance
    faults = [
        f"audit: {wrong}: {finding.examples}" for wrong, finding in audit.discrepancies.items()
    ]
    if (balance.accepted, balance.succeeded + balance.failed) != (accepted, accepted):
        faults.append(f"audit: {accepted} updates were accepted, and it counts {balance}")
    return faults
