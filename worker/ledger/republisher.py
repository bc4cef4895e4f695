"""Puts the message of an accepted job into its queue again."""

from __future__ import annotations

import json

import structlog
from redis import Redis

from revio_jobs.broker import priority_key
from revio_jobs.contracts import Lane, UpdateJob, queue_name
from revio_jobs.ledger_keys import LedgerKeys
from worker.ledger.dead_letters import Encode
from worker.redis_kit.scripts import load_script

_log = structlog.get_logger(__name__)


class Republisher:
    """Makes the messages of jobs from their records in the ledger, of any account."""

    def __init__(self, redis: Redis, encode: Encode) -> None:
        self._redis = redis
        self._encode = encode
        self._unreadable: set[str] = set()
        """Jobs of which it was logged."""
        self._script = load_script(redis, "worker.ledger", "republish")

    def republish(
        self, account: str, job_id: str, found_in: str, score: float | None = None, *, front: bool
    ) -> bool:
        """Put the job's message into its queue again; False if somebody has taken it meanwhile.

        `found_in` is the sorted set in which the job was found, and `score` its score there: a job
        that has left the set, or has another score by now, is not published. None for any score.
        `front`: before the jobs that wait, else behind them. Raises RedisError.
        """
        keys = LedgerKeys(account)
        record = self._redis.hmget(keys.record(job_id), "payload", "lane", "message")
        payload, lane, original = record
        if payload is None or lane is None:
            self._redis.zrem(found_in, job_id)
            return False
        try:
            job, in_lane = UpdateJob.model_validate_json(payload), Lane(_text(lane))
        except ValueError:
            # Accepted by a newer release, and for its workers to run. The sweep comes every second.
            if job_id not in self._unreadable:
                self._unreadable.add(job_id)
                _log.exception("job_unreadable", job=job_id, account=account)
            return False
        message = _text(original) if original else self._encode(job, job_id, in_lane)
        return bool(
            self._script(
                keys=[
                    keys.record(job_id),
                    found_in,
                    keys.waiting(in_lane),
                    raw_queue_key(account, in_lane, message)
                    if original
                    else queue_name(account, in_lane),
                ],
                args=[
                    job_id,
                    "" if score is None else repr(score),
                    message,
                    "front" if front else "back",
                ],
            )
        )


def raw_queue_key(account: str, lane: Lane, original: str) -> str:
    """A raw message goes back to the list of its priority."""
    queue = queue_name(account, lane)
    try:
        return priority_key(queue, int(json.loads(original)["properties"]["priority"]))
    except (ValueError, KeyError, TypeError):
        return queue


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
