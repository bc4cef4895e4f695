"""Refuses a Redis that would drop jobs and keys when its memory runs short, and a cluster."""

from __future__ import annotations

from typing import Any, NoReturn

from celery import bootsteps
from celery.worker.consumer.connection import Connection
from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.cluster_check import NO_CLUSTER, ClusterRefusedError
from revio_jobs.redis_faults import fault_of
from worker.celery_app.start_refusal import refuse_start
from worker.redis_kit.redis_memory import eviction_fault

REFUSED = 2
"""The worker's exit code."""


def refuse_eviction(redis: Redis) -> None:
    """Ends the process if it is wrong; one that does not answer is looked at when it does."""
    try:
        fault = eviction_fault(redis.info("memory"))
    except ClusterRefusedError as exc:
        _refuse(str(exc))
    except RedisError as exc:
        refuse_missing_permission(exc)
        return
    if fault:
        _refuse(fault)


def refuse_missing_permission(error: BaseException) -> None:
    """Ends the process if the error says that the Redis user lacks a permission, naming it."""
    fault = fault_of(error)
    if fault and fault.word == "NOPERM":
        _refuse(f"{fault.meaning}: {error}. Grant it (ACL SETUSER); no job is run before that")


class RedisGuard(bootsteps.StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Looks again at each connection of the consumer, before it takes its first message.

    Redis may have been down when the worker started, and a fail-over leads to another server.
    """

    requires = (Connection,)

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - as Celery's
        """Errors of Redis go to the consumer, which connects again."""
        info = consumer.connection.default_channel.client.info
        if info("cluster").get("cluster_enabled"):
            _refuse(NO_CLUSTER)
        if fault := eviction_fault(info("memory")):
            _refuse(fault)


def _refuse(fault: str) -> NoReturn:
    refuse_start(fault, REFUSED)
