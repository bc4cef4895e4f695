"""Whether all promises held, from the sandbox's own record and from the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from revio_jobs import RevioJobs, UpdateJob, as_completed, errors
from revio_jobs.contracts import DEFAULT_ACCOUNT
from sandbox import RunningSandbox
from tests.chaos.plan import VENDOR_NAMES, Submission, key_of, writer_of
from worker.ledger import Auditor

Outcomes = dict[int, str]
# Of a hundred thousand jobs, so many may be executed twice where nothing could have told.
UNDECIDABLE_SHARE = 0.001


@dataclass
class Verdict:
    outcomes: Counter[str]
    repeated: int
    """Executions beyond one a job."""
    faults: list[str] = field(default_factory=list)


def collect(jobs: RevioJobs, lists: Iterable[list[Submission]], timeout_s: float) -> Outcomes:
    """How each job ended, by its number, found again by its key alone."""
    numbers = [each.number for each in _jobs(lists)]
    handles = {number: jobs.find(DEFAULT_ACCOUNT, key_of(number)) for number in numbers}
    missing = [number for number, handle in handles.items() if handle is None]
    assert not missing, f"not accepted: {missing[:20]}"
    by_handle = {id(handle): number for number, handle in handles.items()}
    outcomes = {}
    for handle in as_completed(filter(None, handles.values()), timeout_s):
        try:
            outcomes[by_handle[id(handle)]] = str(handle.result(1).outcome)
        except errors.RevioError as exc:
            outcomes[by_handle[id(handle)]] = type(exc).__name__
    return outcomes


def judge(
    sandbox: RunningSandbox,
    redis: Redis,
    lists: list[list[Submission]],
    told: Iterable[Mapping[str, Any]],
    outcomes: Outcomes,
) -> Verdict:
    jobs = {each.number: each.job for each in _jobs(lists)}
    executions = _executions(sandbox, jobs)
    faults = [
        *_applied_without_execution(outcomes, executions),
        *_executed_without_being_applied(outcomes, executions),
        *_wrong_values(sandbox, lists, outcomes),
        *_conflicts(told),
        *_left_behind(redis),
        *_audited(redis, len(jobs)),
    ]
    repeated = sum(count - 1 for count in executions.values() if count > 1)
    if repeated > UNDECIDABLE_SHARE * len(jobs):
        again = [number for number, count in executions.items() if count > 1]
        faults.append(f"executed more than once: {again}")
    return Verdict(Counter(outcomes.values()), repeated, faults)


def _jobs(lists: Iterable[list[Submission]]) -> list[Submission]:
    return [each for mine in lists for each in mine if each.kind == "job"]


def _executions(sandbox: RunningSandbox, jobs: Mapping[int, UpdateJob]) -> Counter[int]:
    """How often each job was executed, told by the values that only it writes."""
    names = {vendor: ours for ours, vendor in VENDOR_NAMES.items()}
    found: Counter[int] = Counter()
    for product, executed in sandbox.updates().items():
        for each in executed:
            writers = {writer_of(names[name], text) for name, text in each["fields"].items()}
            assert len(writers) == 1, f"product {product}: one call wrote for {writers}"
            [number] = writers
            assert jobs[number].id == product
            found[number] += 1
    return found


def _applied_without_execution(outcomes: Outcomes, executions: Counter[int]) -> list[str]:
    return [
        f"job {number} says applied, and was never executed"
        for number, how in outcomes.items()
        if how == "applied" and not executions[number]
    ]


def _executed_without_being_applied(outcomes: Outcomes, executions: Counter[int]) -> list[str]:
    return [
        f"job {number} was executed, and says {outcomes[number]}"
        for number in executions
        if outcomes[number] not in {"applied", "OutcomeUnknown"}
    ]


def _wrong_values(
    sandbox: RunningSandbox, lists: list[list[Submission]], outcomes: Outcomes
) -> list[str]:
    """Each field must show what the last submitted job wanted that was not rejected."""
    wanted: dict[tuple[int, str], list[int]] = defaultdict(list)
    for each in _jobs(lists):
        for name in each.job.changes():
            place = wanted[each.job.id, name]
            if outcomes[each.number] in {"applied", "superseded"}:
                place[:] = [each.number]
            elif outcomes[each.number] == "OutcomeUnknown":
                place.append(each.number)
    products = sandbox.products({product for product, _ in wanted})
    return [
        f"product {product} shows {name} of job {shown}, not of {numbers}"
        for (product, name), numbers in wanted.items()
        if numbers
        and (shown := _writer(name, products[product][_record_name(name)])) not in numbers
    ]


def _writer(name: str, value: str | None) -> int | None:
    try:
        return None if value is None else writer_of(name, value)
    except (ValueError, IndexError):
        return None  # as the population made it


def _record_name(name: str) -> str:
    return VENDOR_NAMES[name]


def _conflicts(told: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"a conflict for job {each['number']} was taken as {each['is']}"
        for each in told
        if each.get("kind") == "conflict" and each["is"] != "conflict"
    ]


def _left_behind(redis: Redis) -> list[str]:
    """Nothing is locked, waiting or running when all has ended."""
    prefix = f"revio:{DEFAULT_ACCOUNT}:"
    sets = [f"{prefix}{name}" for name in ("running", "delayed", "waiting:bulk")]
    faults = [f"{name} still holds {redis.zcard(name)}" for name in sets if redis.zcard(name)]
    for pattern in ("parked:*", "line:*"):
        faults += [f"{key.decode()} is left" for key in redis.scan_iter(f"{prefix}{pattern}")]
    for key in redis.scan_iter(f"{prefix}product:*"):
        if holder := redis.hget(key, "holder"):
            faults.append(f"{key.decode()} is held by {holder.decode()}")
    return faults


def _audited(redis: Redis, accepted: int) -> list[str]:
    """What `revio audit` says of the account; no job is under way any more."""
    audit = Auditor(redis, DEFAULT_ACCOUNT).audit()
    balance = audit.balance
    faults = [f"audit: {wrong}: {found.examples}" for wrong, found in audit.findings.items()]
    if (balance.accepted, balance.settled + balance.failed) != (accepted, accepted):
        faults.append(f"audit: {accepted} jobs were submitted, and it tells of {balance}")
    return faults
