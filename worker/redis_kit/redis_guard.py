"""Refuses a Redis that would drop jobs and keys when its memory runs short."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import structlog
from celery import bootsteps
from celery.worker.consumer.connection import Connection
from redis import Redis
from redis.exceptions import RedisError

_log = structlog.get_logger(__name__)

REFUSED = 2
"""The worker's exit code."""

FULL = "Redis is full: it has reached its maxmemory and refuses to write"
"""For operators; nothing is lost by it."""

MAKE_ROOM = (
    "give it more (maxmemory in redis.conf, or CONFIG SET maxmemory), or keep keys and results "
    "for a shorter time; docs/redis.md tells what takes how much"
)

_SAFE = "noeviction"


def eviction_fault(memory: Mapping[str, Any]) -> str | None:
    """What is wrong, from Redis's `INFO memory`, and how to mend it; in one line."""
    policy = memory.get("maxmemory_policy", _SAFE)
    if policy == _SAFE:
        return None
    return (
        f"Redis's maxmemory-policy is {policy}: it would drop jobs and idempotency keys when its "
        f"memory runs short. Set `maxmemory-policy {_SAFE}`; no job is run before that"
    )


def refuse_eviction(redis: Redis) -> None:
    """Ends the process if it is wrong; one that does not answer is looked at when it does."""
    try:
        fault = eviction_fault(redis.info("memory"))
    except RedisError:
        return
    if fault:
        _refuse(fault)


def is_full(error: BaseException) -> bool:
    """Whether Redis has refused to write for want of memory.

    A script's refusal has no class of its own, and what is raised from it quotes it.
    """
    return "used memory > 'maxmemory'" in str(error)


def warn_of_refusal(event: str, error: BaseException) -> None:
    """In the log: how to mend it if Redis is full, else `event` and the reason."""
    if is_full(error):
        _log.warning("redis_is_full", mend=MAKE_ROOM)
    else:
        _log.warning(event, reason=str(error))


class RedisGuard(bootsteps.StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Looks again at each connection of the consumer, before it takes its first message.

    Redis may have been down when the worker started, and a fail-over leads to another server.
    """

    requires = (Connection,)

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - as Celery's
        """Errors of Redis go to the consumer, which connects again."""
        memory = consumer.connection.default_channel.client.info("memory")
        if fault := eviction_fault(memory):
            _refuse(fault)


def _refuse(fault: str) -> NoReturn:
    sys.stderr.write(f"{fault}\n")
    raise SystemExit(REFUSED)
