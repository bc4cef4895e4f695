"""From a producer's wish to a message, and from Redis's answer to a handle. Talks to nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from typing import Any, Self, TypeVar

from celery import Celery

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
from revio_jobs.contracts.problems import shown
from revio_jobs.errors import IdempotencyConflict, InvalidJob, ResultExpired
from revio_jobs.handles import Submitted
from revio_jobs.message import encode_message
from revio_jobs.reservation import (
    Conflict,
    Expired,
    Reservation,
    Settled,
    Wish,
    read_reservation,
)
from revio_jobs.results import Ended, read_outcome

_SENT_AT_ONCE = 500
# Redis does nothing else while a script takes in so many: some milliseconds.
_TAKEN_AT_ONCE = 100

T = TypeVar("T")


def query_job(account: str, max_age: int, filters: dict[str, Iterable[int]]) -> QueryJob:
    """Raises InvalidJob."""
    given = {name: values for name, values in filters.items() if values != ()}
    return decode(QueryJob, {"account": account, "max_age": max_age, **given})


def update_job(
    account: str,
    product_id: int,
    *,
    idempotency_key: str | None,
    clear: Iterable[str],
    expected: dict[str, Any] | None,
    skip_unchanged: bool,
    changes: Changes,
) -> UpdateJob:
    """Raises InvalidJob."""
    fields: dict[str, Any] = {"account": account, "id": product_id, **changes}
    fields |= {"clear": clear} if clear else {}
    fields |= {"expected": expected} if expected is not None else {}
    fields |= {"idempotency_key": idempotency_key} if idempotency_key is not None else {}
    fields |= {"skip_unchanged": True} if skip_unchanged else {}
    return decode(UpdateJob, fields)


@dataclass(frozen=True, slots=True)
class Order:
    """A job on its way into Redis."""

    job: Job
    job_id: str
    payload: str
    message: str

    @classmethod
    def of(cls, app: Celery, job: Job, lane: Lane) -> Self:
        """Without a key every submission is a job of its own: 10, 12, 10 are three changes."""
        if isinstance(job, QueryJob):
            job_id = str(uuid.uuid4())
        else:
            key = job.idempotency_key or uuid.uuid4().hex
            job_id = job_id_of(job.account, key)
            if job.idempotency_key is None:
                job = job.model_copy(update={"idempotency_key": key})
        payload = job.payload()
        return cls(job, job_id, payload, encode_message(app, job, job_id, lane, payload))

    def accepted(self, answer: int | list[Any] | None) -> Submitted[Any]:
        """From Redis's answer to an update; to a query it has none."""
        update = isinstance(self.job, UpdateJob)
        reservation = None if answer is None else read_reservation(answer)
        return Submitted(
            account=self.job.account,
            job_id=self.job_id,
            job=self.job,
            submission=_name(reservation),
            kind=UpdateResult if update else QueryResult,
            ended=_ended(self.job, self.job_id, reservation),
        )


def lane_of(lane: Lane | str) -> Lane:
    """Raises InvalidJob."""
    try:
        return Lane(lane)
    except ValueError:
        lanes = " or ".join(repr(each.value) for each in Lane)
        raise InvalidJob([f"lane: {shown(lane)} is not allowed: expected {lanes}"]) from None


def bundles(jobs: Iterable[Job]) -> Iterator[Sequence[Job]]:
    """So many as are sent together. Raises InvalidJob if one of them is no job."""
    if isinstance(jobs, Job):
        raise InvalidJob(["expected a list of jobs, and not a job by itself"])
    listed = list(jobs)
    for place, each in enumerate(listed, 1):
        if not isinstance(each, Job):
            says = f"job {place}: {shown(each)} is not allowed: expected a QueryJob or an UpdateJob"
            raise InvalidJob([says])
    return _in_portions(listed, _SENT_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Step:
    """Neighbours in a bundle, of one kind and account, which one command takes in."""

    account: str
    orders: Sequence[Order]

    @property
    def wishes(self) -> list[Wish]:
        """Of updates."""
        return [
            Wish(each.job, each.job_id, each.payload, each.message)
            for each in self.orders
            if isinstance(each.job, UpdateJob)
        ]

    def accepted(self, answer: Any) -> Iterator[Submitted[Any]]:  # noqa: ANN401 - Redis's
        """From what Redis answered: one each for updates, the queue's length for queries."""
        answers = answer if isinstance(answer, list) else repeat(None)
        return (order.accepted(each) for order, each in zip(self.orders, answers, strict=False))


def steps(app: Celery, bundle: Iterable[Job], lane: Lane) -> list[Step]:
    """In the jobs' order."""
    orders = [Order.of(app, job, lane) for job in bundle]
    alike = groupby(orders, lambda each: (each.job.account, each.job.task))
    return [
        Step(account, some)
        for (account, _), neighbours in alike
        for some in _in_portions(list(neighbours), _TAKEN_AT_ONCE)
    ]


def _in_portions(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def found(account: str, job_id: str, reservation: Reservation) -> Submitted[UpdateResult]:
    """A job submitted before."""
    return Submitted(
        account=account,
        job_id=job_id,
        submission=_name(reservation),
        kind=UpdateResult,
        ended=_ended(None, job_id, reservation),
    )


def submitted_before(account: str, job_id: str) -> Submitted[QueryResult]:
    """A query, of which nobody has looked whether it exists."""
    return Submitted(account=account, job_id=job_id, submission="unknown", kind=QueryResult)


def _name(reservation: Reservation | None) -> str:
    return "new" if reservation is None else type(reservation).__name__.lower()


def _ended(job: Job | None, job_id: str, reservation: Reservation | None) -> Ended | None:
    match reservation:
        case Settled(outcome):
            return read_outcome(outcome)
        case Expired(how, settled_at):
            return Ended(ResultExpired(job_id, how, settled_at))
        case Conflict() if isinstance(job, UpdateJob):
            return Ended(IdempotencyConflict(job.account, str(job.idempotency_key), job_id))
        case _:
            return None
