"""Hands jobs to Redis, and finds updates that were handed over before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.batches import deliveries
from revio_jobs.connection import ConnectionDropped
from revio_jobs.contracts import Job, Lane
from revio_jobs.handles import Submitted
from revio_jobs.publishing import send_events
from revio_jobs.redis_faults import Remedy, remedy_of
from revio_jobs.reservation import SCRIPT, Reservations
from revio_jobs.reservation_outcome import Reservation

FAIL_OVER_S = 10.0
"""For how long submitting goes on when each server that it reaches says that it cannot serve, or
is busy, or says nothing."""
FAIL_OVER_PAUSE_S = 0.2


def is_repeatable(error: RedisError) -> bool:
    """Whether submitting goes on after the error; a server that is down is reported at once."""
    if isinstance(error, ConnectionDropped | RedisTimeoutError):
        return True
    return isinstance(error, ResponseError) and remedy_of(error) is Remedy.WAIT


def served(answers: list[Any]) -> list[Any]:
    """The answers. Raises ResponseError if the server was too busy for one of the commands."""
    for answer in answers:
        if isinstance(answer, ResponseError) and is_repeatable(answer):
            raise answer
    return answers


class Enqueuer(Protocol):
    """What RevioJobs hands its jobs to."""

    def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        """What became of each job, in their order."""

    def find(self, account: str, job_id: str) -> Reservation | None:
        """The state of an update that was accepted before; None if it is not known."""

    def close(self) -> None:
        """Nothing can be handed over any more."""


class RedisEnqueuer:
    """Implements the port. Its methods raise RedisError."""

    def __init__(self, app: Celery, redis: Redis) -> None:
        self._app = app
        self._redis = redis
        self._reservations = Reservations(redis)

    def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        """See the port."""
        submitted: list[Submitted[Any]] = []
        for delivery in deliveries(self._app, jobs, lane):
            while delivery.read(self._send(delivery.commands())):
                self._redis.script_load(SCRIPT)
            accepted = list(delivery.submitted())
            if publications := delivery.confirmed(accepted):
                send_events(self._app, publications)
            submitted += accepted
        return submitted

    def find(self, account: str, job_id: str) -> Reservation | None:
        """See the port."""
        return self._reservations.find(account, job_id)

    def close(self) -> None:
        """See the port."""
        self._redis.close()
        self._app.close()

    def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Through a fail-over, past a connection that was dropped silently and a busy server.

        A job that was accepted just before it is attached to itself.
        """
        give_up = time.monotonic() + FAIL_OVER_S
        while True:
            try:
                return self._execute(commands)
            except RedisError as exc:
                if not is_repeatable(exc) or time.monotonic() >= give_up:
                    raise
                time.sleep(FAIL_OVER_PAUSE_S)

    def _execute(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        return served(answers)
