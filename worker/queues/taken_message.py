"""A message that a worker has taken, of a job that the ledger does not know (yet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from revio_jobs.broker import HELD, LATER, queue_of
from revio_jobs.key_prefix import key_prefix_of
from worker.queues.queued_message import QueuedMessage
from worker.redis_kit.scripts import fail_closed

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """The message's queue, and when something will happen to it."""

    queue: str
    due_at: float | None
    """Unix time, seconds, of its countdown, eta or return to the queue; None if it is due now."""
    source: str | None = None
    """The service that submitted it, if it says so."""


def find_taken(redis: Redis, job_id: str) -> TakenMessage | None:
    """The job's message, or None if no worker holds one. Raises Unavailable."""
    wanted = job_id.encode()
    with fail_closed("the broker"):
        for tag, held in redis.hscan_iter(HELD, count=_AT_ONCE):
            key, _, text = held.partition(b"\n")
            if wanted not in text:
                continue
            message = QueuedMessage.parse(text)
            if message.job_id != job_id:
                continue
            later: Any = redis.zmscore(LATER, [tag, b"back:" + tag])
            due = [float(at) for at in later if at is not None]
            queue = queue_of(key_prefix_of(redis.connection_pool).strip(key.decode()))
            due_at = max(due, default=_eta(message.headers))
            return TakenMessage(queue, due_at, message.source)
    return None


def _eta(headers: Mapping[str, Any]) -> float | None:
    eta = headers.get("eta")
    return datetime.fromisoformat(eta).timestamp() if eta else None
