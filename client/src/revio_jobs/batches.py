"""Jobs in batches, each of which one command hands to Redis. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from typing import Any, TypeVar

from celery import Celery
from redis.exceptions import NoScriptError

from revio_jobs.contracts import Job, Lane, UpdateJob, queue_name
from revio_jobs.encoded_job import EncodedJob
from revio_jobs.handles import Submitted
from revio_jobs.message import encode_job
from revio_jobs.publishing import Publication, is_observed
from revio_jobs.reservation import SCRIPT, read_reservation, reservation_call
from revio_jobs.submission import submitted

_JOBS_PER_PIPELINE = 500
# Redis serves nobody else while a script accepts this many, for some milliseconds.
_JOBS_PER_COMMAND = 100
_SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
_MAX_LOADS = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """Successive jobs of one kind and account."""

    jobs: Sequence[EncodedJob[Any]]
    lane: Lane

    def command(self) -> tuple[Any, ...]:
        """Name and arguments. Updates need the script; queries need no reservation."""
        first = self.jobs[0].job
        if not isinstance(first, UpdateJob):
            queue = queue_name(first.account, self.lane)
            return ("LPUSH", queue, *(job.message for job in self.jobs))
        keys, args = reservation_call(self.jobs, self.lane)
        return ("EVALSHA", _SCRIPT_SHA, len(keys), *keys, *args)

    def read(self, answer: int | list[Any]) -> Iterator[Submitted[Any]]:
        """From Redis's answer: one item each for updates, the queue's length for queries."""
        items = answer if isinstance(answer, list) else repeat(1)
        for encoded, item in zip(self.jobs, items, strict=False):
            yield submitted(encoded.job, encoded.job_id, read_reservation(item))


class Delivery:
    """Batches on their way through one pipeline.

    A server that was restarted, has taken over or was told to flush its scripts does not know ours.
    Then only the batches that it refused go again, after the script was loaded.
    """

    def __init__(self, batches: Sequence[Batch], publications: Sequence[Publication] = ()) -> None:
        """`publications`: one for each job, if anything listens for them."""
        self._batches = batches
        self._publications = publications
        self._pending: Sequence[int] = range(len(batches))
        self._answers: dict[int, Any] = {}
        self._loads = 0

    def commands(self) -> list[tuple[Any, ...]]:
        """What to send now; none when every batch has been accepted."""
        return [self._batches[index].command() for index in self._pending]

    def read(self, answers: Sequence[Any]) -> bool:
        """Note the answers to `commands`. Returns whether to load the script and send again.

        Raises the RedisError of a batch that was refused for another reason.
        """
        self._answers |= dict(zip(self._pending, answers, strict=True))
        errors = {i: a for i, a in self._answers.items() if isinstance(a, Exception)}
        for error in errors.values():
            if self._loads == _MAX_LOADS or not isinstance(error, NoScriptError):
                raise error
        self._loads += 1
        self._pending = sorted(errors)
        return bool(errors)

    def submitted(self) -> Iterator[Submitted[Any]]:
        """What became of each job, in their order."""
        for index, batch in enumerate(self._batches):
            yield from batch.read(self._answers[index])

    def confirmed(self, submitted: Iterable[Submitted[Any]]) -> list[Publication]:
        """Tell listeners which jobs are in their queues now; returns their publications."""
        confirmed = [
            publication
            for publication, job in zip(self._publications, submitted, strict=False)
            if job.submission == "new"
        ]
        for publication in confirmed:
            publication.confirm()
        return confirmed


def deliveries(app: Celery, jobs: Sequence[Job], lane: Lane) -> Iterator[Delivery]:
    """One for each pipeline, in the jobs' order."""
    for portion in _portions(jobs, _JOBS_PER_PIPELINE):
        encoded = [encode_job(app, job, lane) for job in portion]
        publications: list[Publication] = []
        if is_observed(app):
            publications = [Publication(item.job, item.message) for item in encoded]
            encoded = [
                _with_headers(item, publication.announce(app))
                for item, publication in zip(encoded, publications, strict=True)
            ]
        alike = groupby(encoded, lambda item: (item.job.account, item.job.task))
        batches = [
            Batch(some, lane)
            for _, neighbours in alike
            for some in _portions(list(neighbours), _JOBS_PER_COMMAND)
        ]
        yield Delivery(batches, publications)


def _with_headers(item: EncodedJob[Any], message: str) -> EncodedJob[Any]:
    """The ledger keeps a message that carries more than it could make itself."""
    if message is item.message:
        return item
    return item._replace(message=message, original=message)


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
