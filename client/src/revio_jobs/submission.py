"""Turns a caller's arguments into jobs, and Redis's answers into handles' states. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from revio_jobs.contracts import (
    Job,
    Lane,
    QueryJob,
    QueryResult,
    UpdateJob,
    UpdateResult,
    job_id_of,
)
from revio_jobs.contracts.arguments import Changes
from revio_jobs.contracts.decode import decode
from revio_jobs.contracts.jobs import UpdateReference
from revio_jobs.contracts.problems import abridged
from revio_jobs.errors import IdempotencyConflict, InvalidJob, ResultExpired
from revio_jobs.handles import Submission, Submitted
from revio_jobs.reservation_outcome import Attached, Expired, KeyConflict, New, Reservation, Settled
from revio_jobs.results import Ended, read_outcome

_SUBMISSION: Mapping[type[Reservation], Submission] = {
    New: "new",
    Attached: "attached",
    Settled: "settled",
    Expired: "expired",
    KeyConflict: "conflict",
}


def query_job(
    account: str, max_age: int, filters: Mapping[str, Iterable[int]], source: str | None
) -> QueryJob:
    """Raises InvalidJob."""
    # Compared with nothing: an array would compare each of its items.
    given: dict[str, Any] = {n: ids for n, ids in filters.items() if type(ids) is not tuple or ids}
    given |= {"source": source} if source is not None else {}
    return decode(QueryJob, {"account": account, "max_age": max_age, **given})


def update_job(
    account: str,
    product_id: int,
    *,
    idempotency_key: str | None,
    clear: Iterable[str],
    expected: object,
    skip_unchanged: bool,
    source: str | None,
    changes: Changes,
) -> UpdateJob:
    """Raises InvalidJob."""
    fields: dict[str, Any] = {"account": account, "id": product_id, **changes}
    fields |= {"clear": clear} if clear else {}
    fields |= {"expected": expected} if expected is not None else {}
    fields |= {"idempotency_key": idempotency_key} if idempotency_key is not None else {}
    fields |= {"skip_unchanged": skip_unchanged} if skip_unchanged is not False else {}
    fields |= {"source": source} if source is not None else {}
    return decode(UpdateJob, fields)


def reference_of(account: str, idempotency_key: str) -> tuple[str, str]:
    """The account, and the id of the update that has the key. Raises InvalidJob."""
    reference = UpdateReference(account=account, idempotency_key=idempotency_key)
    return reference.account, job_id_of(reference.account, reference.idempotency_key)


def lane_of(lane: Lane | str) -> Lane:
    """Raises InvalidJob."""
    try:
        return Lane(lane)
    except ValueError:
        lanes = " or ".join(repr(choice.value) for choice in Lane)
        raise InvalidJob([f"lane: {abridged(lane)} is not allowed: expected {lanes}"]) from None


def checked_source(source: str | None) -> str | None:
    """Raises InvalidJob."""
    if source is not None:
        decode(QueryJob, {"ids": [1], "source": source})
    return source


def checked_jobs(jobs: Iterable[Job], source: str | None) -> list[Job]:
    """The jobs as a list, those without a source with this one.

    Raises InvalidJob for anything that is not a job.
    """
    if isinstance(jobs, Job):
        raise InvalidJob(["expected a list of jobs, not a single job"])
    listed = list(jobs)
    for position, job in enumerate(listed, 1):
        if not isinstance(job, Job):
            where = f"job {position}: {abridged(job)}"
            raise InvalidJob([f"{where} is not allowed: expected a QueryJob or an UpdateJob"])
    if source is None:
        return listed
    return [job if job.source else job.model_copy(update={"source": source}) for job in listed]


def submitted(job: Job, job_id: str, reservation: Reservation) -> Submitted[Any]:
    """A job that was handed to Redis just now."""
    return Submitted(
        account=job.account,
        job_id=job_id,
        job=job,
        submission=_SUBMISSION[type(reservation)],
        kind=UpdateResult if isinstance(job, UpdateJob) else QueryResult,
        ended=_ended(job, job_id, reservation),
    )


def update_submitted_before(
    account: str, job_id: str, reservation: Reservation
) -> Submitted[UpdateResult]:
    """An update that the ledger knows."""
    return Submitted(
        account=account,
        job_id=job_id,
        submission=_SUBMISSION[type(reservation)],
        kind=UpdateResult,
        ended=_ended(None, job_id, reservation),
    )


def submitted_before(account: str, job_id: str) -> Submitted[QueryResult]:
    """A query, which may not exist: that is not known yet."""
    return Submitted(account=account, job_id=job_id, submission="unknown", kind=QueryResult)


def _ended(job: Job | None, job_id: str, reservation: Reservation) -> Ended | None:
    match reservation:
        case Settled(outcome):
            return read_outcome(outcome)
        case Expired(how, settled_at):
            return Ended(ResultExpired(job_id, how, settled_at))
        case KeyConflict():
            update = cast("UpdateJob", job)
            return Ended(IdempotencyConflict(update.account, str(update.idempotency_key), job_id))
        case _:
            return None
