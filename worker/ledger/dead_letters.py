"""The dead letters in Redis: found, retried and discarded. `settle.lua` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from redis import Redis

from revio_jobs.contracts import Lane, UpdateJob, job_id_of
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import revive
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.reservation import Reservations
from revio_jobs.reservation_outcome import Expired, KeyConflict, Reservation, Settled
from worker.ledger.dead_letter import DeadLetter, Failure
from worker.redis_kit.scripts import load_script

_AT_ONCE = 200

Encode = Callable[[UpdateJob, str, Lane], str]
"""Makes the queue's message of a job, its id and its lane."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects dead letters: those that match every field."""

    error: str | None = None
    """The name of the error's class."""
    since: float = -inf
    """Unix time, seconds, of the failure."""
    until: float = inf


@dataclass(frozen=True, slots=True)
class Retried:
    """The new job that replaces a dead one."""

    job_id: str
    reservation: Reservation

    @property
    def why_not(self) -> str:
        """Why nothing was submitted, and the letter is still there; "" if it was."""
        match self.reservation:
            case Settled() | Expired():
                says = f"it was retried before, as job {self.job_id}, which has ended"
            case KeyConflict():
                says = f"job {self.job_id}, which would replace it, is of another change"
            case _:
                return ""
        return f"{says}; if the change is still wanted, submit it under a new key"


class DeadLetters:
    """Finds, retries and discards dead letters of any account. Methods raise RedisError."""

    def __init__(self, redis: Redis, encode: Encode) -> None:
        self._redis = redis
        self._encode = encode
        self._reservations = Reservations(redis)
        self._discard = load_script(redis, "worker.ledger", "letters", "discard")
        self._settle_seen = load_script(redis, "worker.ledger", "history", "letters", "settle_seen")

    def find(
        self, account: str, wanted: Wanted | None = None, *, oldest_first: bool = False
    ) -> Iterator[DeadLetter]:
        """The matching letters, newest first unless `oldest_first`.

        Letters may be retried or discarded while they are read.
        """
        asked = wanted or Wanted()
        ids: list[Any] = self._redis.zrangebyscore(
            LedgerKeys(account).dead, asked.since * 1000, asked.until * 1000
        )
        if not oldest_first:
            ids.reverse()
        for start in range(0, len(ids), _AT_ONCE):
            for letter in self._read(account, [_text(job_id) for job_id in ids[start:][:_AT_ONCE]]):
                if asked.error in {None, _kind(letter)}:
                    yield letter

    def get(self, account: str, job_id: str) -> DeadLetter | None:
        """The job's dead letter, or None if there is none (any more)."""
        return next(self._read(account, [job_id]), None)

    def bury(
        self,
        job: UpdateJob,
        job_id: str,
        lane: Lane,
        outcome: Mapping[str, Any],
        how: str,
        *,
        kept_s: int,
    ) -> None:
        """Keep a job that was never accepted for `kept_s` seconds; see the Ledger port."""
        keys = LedgerKeys(job.account)
        if self._redis.exists(keys.record(job_id)):
            return
        seconds, micros = self._redis.time()
        at_ms = seconds * 1000 + micros // 1000
        letter: dict[Any, Any] = {
            "payload": json.dumps(job.kwargs()),
            "lane": lane.value,
            "how": how,
            "outcome": json.dumps(outcome),
            "at": at_ms,
            "accepted": at_ms,
            "attempts": 0,
        }
        with self._redis.pipeline() as pipeline:
            pipeline.hset(keys.dead_letter(job_id), mapping=letter)
            pipeline.expire(keys.dead_letter(job_id), kept_s)
            pipeline.zadd(keys.dead, {job_id: at_ms})
            pipeline.zadd(keys.dead_by(how), {job_id: at_ms})
            pipeline.hset(keys.dead_kinds, how, kept_s * 1000)
            pipeline.execute()

    def retry(self, letter: DeadLetter) -> Retried:
        """Put a new job into the bulk lane, and take the letter away.

        The new job's key follows from the dead one's id, so two who retry at once make one job. It
        takes the dead one's place in the order of submissions: fields that newer jobs have set
        since are dropped from it. The letter stays if that job has ended before, or is of another
        change: the dead one's key was free again by then. Raises InvalidJob for a payload that this
        release cannot read.
        """
        key = f"retry:{letter.job_id}"
        job = decode(UpdateJob, {**letter.payload, "idempotency_key": key})
        job_id = job_id_of(letter.account, key)
        message = self._encode(job, job_id, Lane.BULK)
        reservation = self._reservations.reserve(
            job, job_id, Lane.BULK, message, sequence=letter.sequence
        )
        retried = Retried(job_id, reservation)
        if not retried.why_not:
            self.discard(letter.account, letter.job_id)
        return retried

    def discard(self, account: str, job_id: str) -> bool:
        """Delete the letter. Returns False if there was none."""
        keys = LedgerKeys(account)
        return bool(self._discard(keys=[keys.dead, keys.dead_letter(job_id)], args=[job_id]))

    def settle_as_applied(
        self,
        letter: DeadLetter,
        fields: Collection[str],
        *,
        settled_at: datetime,
        result_retention_s: int,
        key_retention_s: int,
    ) -> Mapping[str, Any] | None:
        """Settle an update of unknown outcome as applied, since the vendor shows all its `fields`.

        Returns the job's result; None if it is not a dead letter any more, or was not of unknown
        outcome.
        """
        keys = LedgerKeys(letter.account)
        result = {
            "outcome": "applied",
            "id": letter.product_id,
            "calls": 0,
            "settled_at": settled_at.isoformat(),
            "verified": True,
            "sent": sorted(fields),
        }
        is_settled = self._settle_seen(
            keys=[
                keys.record(letter.job_id),
                keys.outcome(letter.job_id),
                keys.dead,
                keys.dead_letter(letter.job_id),
                keys.history,
                keys.history_number,
            ],
            args=[
                letter.job_id,
                json.dumps({"ok": result}),
                "applied",
                result_retention_s,
                key_retention_s,
            ],
        )
        return result if is_settled else None

    def _read(self, account: str, job_ids: list[str]) -> Iterator[DeadLetter]:
        keys = LedgerKeys(account)
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(keys.dead_letter(job_id))
            answers = pipeline.execute()
        for job_id, stored in zip(job_ids, answers, strict=True):
            if stored:
                fields = {_text(name): _text(value) for name, value in stored.items()}
                yield _letter(account, job_id, fields)


def _letter(account: str, job_id: str, fields: Mapping[str, str]) -> DeadLetter:
    error = json.loads(fields["outcome"])["error"]
    history: list[Any] = json.loads(fields.get("history", "[]"))
    return DeadLetter(
        account=account,
        job_id=job_id,
        payload=json.loads(fields["payload"]),
        lane=Lane(fields["lane"]),
        sequence=int(fields["sequence"]) if "sequence" in fields else None,
        accepted_at=int(fields["accepted"]) / 1000,
        failed_at=int(fields["at"]) / 1000,
        attempts=int(fields["attempts"]),
        error=revive(error["type"], error["args"]),
        history=tuple(Failure(at_ms / 1000, says) for at_ms, says in history),
    )


def _kind(letter: DeadLetter) -> str:
    return type(letter.error).__name__


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
