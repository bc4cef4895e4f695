"""Hands jobs to Redis with redis.asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

from celery import Celery
from redis.asyncio import Redis
from redis.exceptions import RedisError

from revio_jobs.batches import deliveries
from revio_jobs.contracts import Job, Lane
from revio_jobs.enqueuer import FAIL_OVER_PAUSE_S, FAIL_OVER_S, is_repeatable, served
from revio_jobs.handles import Submitted
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.publishing import send_events
from revio_jobs.reservation import RECORD_FIELDS, SCRIPT, read_record
from revio_jobs.reservation_outcome import Reservation


class AsyncEnqueuer(Protocol):
    """What AsyncRevioJobs hands its jobs to; see revio_jobs.enqueuer.Enqueuer."""

    async def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        """Hand over the jobs. Returns what became of each, in their order."""

    async def find(self, account: str, job_id: str) -> Reservation | None:
        """The state of an update that was accepted before; None if it is not known."""

    async def close(self) -> None:
        """Close the connections."""


class AsyncRedisEnqueuer:
    """Implements the port. Its methods raise RedisError."""

    def __init__(self, app: Celery, redis: Redis) -> None:
        self._app = app
        self._redis = redis

    async def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        """See the port."""
        submitted: list[Submitted[Any]] = []
        for delivery in deliveries(self._app, jobs, lane):
            while delivery.read(await self._send(delivery.commands())):
                await self._redis.script_load(SCRIPT)
            accepted = list(delivery.submitted())
            if publications := delivery.confirmed(accepted):
                await asyncio.to_thread(send_events, self._app, publications)
            submitted += accepted
        return submitted

    async def find(self, account: str, job_id: str) -> Reservation | None:
        """See the port."""
        keys = LedgerKeys(account)
        async with self._redis.pipeline() as pipeline:
            pipeline.hmget(keys.record(job_id), *RECORD_FIELDS)
            pipeline.get(keys.outcome(job_id))
            return read_record(*await pipeline.execute())

    async def close(self) -> None:
        """See the port."""
        await self._redis.aclose()
        self._app.close()

    async def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See RedisEnqueuer."""
        give_up = time.monotonic() + FAIL_OVER_S
        while True:
            try:
                return await self._execute(commands)
            except RedisError as exc:
                if not is_repeatable(exc) or time.monotonic() >= give_up:
                    raise
                await asyncio.sleep(FAIL_OVER_PAUSE_S)

    async def _execute(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return served(answers)
