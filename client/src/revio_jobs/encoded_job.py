"""A job on its way into Redis, and the id by which it is known from then on."""

from __future__ import annotations

import uuid
from typing import Generic, NamedTuple, TypeVar

from revio_jobs.contracts import Job, UpdateJob, job_id_of

J = TypeVar("J", bound=Job)


class EncodedJob(NamedTuple, Generic[J]):
    """A job on its way into Redis."""

    job: J
    job_id: str
    payload: str
    """The Celery kwargs as JSON text."""
    message: str = ""
    """JSON text for the lane's queue; empty if a worker holds the message already."""
    sequence: int | None = None
    """The place in the order of submissions that it takes; None for the last."""
    original: str = ""
    """The raw message by which it came, which is delivered again with all that it carries."""


def identified(job: J) -> tuple[J, str]:
    """The job, with an idempotency key if it is an update, and its id."""
    if not isinstance(job, UpdateJob):
        return job, str(uuid.uuid4())
    key = job.idempotency_key or uuid.uuid4().hex
    if job.idempotency_key is None:
        job = job.model_copy(update={"idempotency_key": key})
    return job, job_id_of(job.account, key)
