"""The door for producers: submit jobs, get handles, find them again."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Self, TypedDict, Unpack

from celery import Celery
from redis import Redis

from revio_jobs.celery_app import producer_app
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis
from revio_jobs.contracts import (
    DEFAULT_ACCOUNT,
    Job,
    Lane,
    QueryJob,
    QueryResult,
    UpdateJob,
    UpdateResult,
    job_id_of,
    queue_name,
)
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import IdempotencyConflict, ResultExpired
from revio_jobs.handles import JobHandle
from revio_jobs.message import encode_message
from revio_jobs.reservation import (
    Conflict,
    Expired,
    Reservation,
    Reservations,
    Settled,
    read_reservation,
)
from revio_jobs.results import Ended, ResultStore, read_outcome

_SENT_AT_ONCE = 500


class Changes(TypedDict, total=False):
    """The fields that an update can set; those left out stay as they are."""

    rate: Decimal | str | int
    quantity: int
    description: str
    code1: str
    code2: str
    activated_date: date | str
    disconnect_date: date | str
    do_not_prorate: bool


class RevioJobs:
    """Submits jobs and collects their results. One instance serves all threads of a process.

    Every method that talks to Redis raises redis.exceptions.ConnectionError when it is down. A job
    of which the caller did not hear may have been accepted: submit it again with the same key.
    """

    def __init__(self, app: Celery, redis: Redis) -> None:
        self._app = app
        self._redis = redis
        self._reservations = Reservations(redis)
        self._store = ResultStore(app, redis)

    @classmethod
    def connect(cls, redis_url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER) -> Self:
        """`redis_url` as the workers have it, such as redis://:password@host:6379/0.

        With sentinels, sentinel://host:26379/0;sentinel://…, the master is found by its name.
        """
        return cls(
            producer_app(redis_url, sentinel_master), connect_redis(redis_url, sentinel_master)
        )

    def close(self) -> None:
        """Close the connections; handles cannot be read any more."""
        self._redis.close()
        self._app.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def query(
        self,
        *,
        ids: Iterable[int] = (),
        customer_ids: Iterable[int] = (),
        line_ids: Iterable[int] = (),
        max_age: int = 0,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane = Lane.INTERACTIVE,
    ) -> JobHandle[QueryResult]:
        """Read customer products by at least one filter; `max_age` in seconds.

        Raises InvalidJob before anything is sent.
        """
        filters = {"ids": ids, "customer_ids": customer_ids, "line_ids": line_ids}
        given = {name: values for name, values in filters.items() if values != ()}
        job = decode(QueryJob, {"account": account, "max_age": max_age, **given})
        return self.submit([job], lane)[0]

    def update(
        self,
        *,
        id: int,  # noqa: A002 - the name on the wire
        idempotency_key: str | None = None,
        clear: Iterable[str] = (),
        expected: dict[str, Any] | None = None,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane = Lane.INTERACTIVE,
        **changes: Unpack[Changes],
    ) -> JobHandle[UpdateResult]:
        """Change one customer product.

        The same key with the same change gives the same job again; without a key each call is a new
        job. Raises InvalidJob before anything is sent, IdempotencyConflict when the key belongs to
        another change.
        """
        fields: dict[str, Any] = {"account": account, "id": id, **changes}
        fields |= {"clear": clear} if clear else {}
        fields |= {"expected": expected} if expected is not None else {}
        fields |= {"idempotency_key": idempotency_key} if idempotency_key is not None else {}
        handle = self.submit([decode(UpdateJob, fields)], lane)[0]
        if handle.submission == "conflict":
            handle.result()
        return handle

    def submit(self, jobs: Iterable[Job], lane: Lane = Lane.BULK) -> list[JobHandle[Any]]:
        """Submit many jobs with few round trips; the handles come in the jobs' order.

        A job whose key belongs to another payload is not enqueued: its handle's `submission` is
        "conflict", and its `result` raises IdempotencyConflict.
        """
        todo = list(jobs)
        return [
            handle
            for start in range(0, len(todo), _SENT_AT_ONCE)
            for handle in self._submit(todo[start : start + _SENT_AT_ONCE], lane)
        ]

    def find(self, account: str, idempotency_key: str) -> JobHandle[UpdateResult] | None:
        """The handle of an update submitted before, perhaps by a process that has died."""
        job_id = job_id_of(account, idempotency_key)
        reservation = self._reservations.find(account, job_id)
        if reservation is None:
            return None
        return JobHandle(
            account=account,
            job_id=job_id,
            submission=_submission(reservation),
            kind=UpdateResult,
            store=self._store,
            ended=_ended(None, job_id, reservation),
        )

    def _submit(self, jobs: Sequence[Job], lane: Lane) -> list[JobHandle[Any]]:
        keyed = [_with_key(job) for job in jobs]
        with self._redis.pipeline(transaction=False) as pipeline:
            for job, job_id in keyed:
                message = encode_message(self._app, job, job_id, lane)
                if isinstance(job, UpdateJob):
                    self._reservations.send(pipeline, job, job_id, lane, message)
                else:
                    pipeline.lpush(queue_name(job.account, lane), message)
            answers = pipeline.execute()
        return [
            self._handle(job, job_id, answer)
            for (job, job_id), answer in zip(keyed, answers, strict=True)
        ]

    def _handle(self, job: Job, job_id: str, answer: list[Any]) -> JobHandle[Any]:
        reservation = read_reservation(answer) if isinstance(job, UpdateJob) else None
        return JobHandle(
            account=job.account,
            job_id=job_id,
            job=job,
            submission=_submission(reservation),
            kind=UpdateResult if isinstance(job, UpdateJob) else QueryResult,
            store=self._store,
            ended=_ended(job, job_id, reservation),
        )


def _with_key(job: Job) -> tuple[Job, str]:
    """Without a key every submission is a job of its own: 10, 12, 10 are three changes."""
    if isinstance(job, QueryJob):
        return job, str(uuid.uuid4())
    key = job.idempotency_key or uuid.uuid4().hex
    return job.model_copy(update={"idempotency_key": key}), job_id_of(job.account, key)


def _submission(reservation: Reservation | None) -> str:
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
