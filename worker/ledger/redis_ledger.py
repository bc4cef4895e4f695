"""The ledger in Redis: each step of a job's life is one script."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Literal

from redis import Redis

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.reservation import Reservations
from revio_jobs.reservation_outcome import KeyConflict, Reservation
from tasks.ports import AlreadyEnded, Claimed, Lease, LeaseLost, NotNow, RawMessage
from worker.ledger.dead_letter import leaves_dead_letter
from worker.ledger.dead_letters import DeadLetters, Encode
from worker.ledger.republisher import Republisher, raw_queue_key
from worker.ledger.retention import (
    DEAD_LETTERS_KEPT,
    HISTORY_KEPT,
    SHOWN_CHARACTERS,
    LedgerTimes,
)
from worker.redis_kit.scripts import fail_closed, load_script

_WROTE = "wrote:"

BeforeSettling = Callable[[str, str, Mapping[str, Any]], None]
"""Called with the outcome's key, its text and the outcome, just before they are recorded."""


class RedisLedger:
    """Implements the Ledger port on Redis."""

    def __init__(
        self,
        redis: Redis,
        times: LedgerTimes,
        encode: Encode,
        before_settling: BeforeSettling = lambda *_: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._before_settling = before_settling
        self._redis = redis
        self._times = times
        self._reservations = Reservations(redis)
        self._dead = DeadLetters(redis, encode)
        self._claim = load_script(redis, "worker.ledger", "claim")
        self._intend = load_script(redis, "worker.ledger", "intend")
        self._settle = load_script(redis, "worker.ledger", "history", "settle")
        self._release = load_script(redis, "worker.ledger", "release")
        self.republisher = Republisher(redis, encode)
        """Puts the messages of accepted jobs into their queues again."""
        self._withdraw = load_script(redis, "worker.ledger", "withdraw")

    def claim(
        self, job: UpdateJob, job_id: str, lane: Lane, raw: RawMessage | None = None
    ) -> Claimed | AlreadyEnded | NotNow | KeyConflict:
        lease = Lease(job.account, job_id, job.id, uuid.uuid4().hex)
        with fail_closed("the ledger"):
            status, *detail = self._try_claim(job, lease)
            if status == "unknown":
                # A raw message, or the first after Redis lost its last second.
                if isinstance(self._accept(job, job_id, lane, raw or RawMessage()), KeyConflict):
                    return KeyConflict()
                status, *detail = self._try_claim(job, lease)
        match status:
            case "claimed":
                return _claimed(job, lease, detail)
            case "ended":
                outcome = json.loads(detail[0]) if detail[0] else None
                return AlreadyEnded(outcome, detail[1], int(detail[2]) / 1000)
            case "conflict":
                return KeyConflict()
            case _:
                return NotNow(status)

    def _accept(self, job: UpdateJob, job_id: str, lane: Lane, raw: RawMessage) -> Reservation:
        return self._reservations.reserve(job, job_id, lane, sequence=raw.place, original=raw.text)

    def _try_claim(self, job: UpdateJob, lease: Lease) -> list[Any]:
        keys = LedgerKeys(job.account)
        answer = self._claim(
            keys=[
                keys.record(lease.job_id),
                keys.outcome(lease.job_id),
                keys.waiting(Lane.INTERACTIVE),
                keys.waiting(Lane.BULK),
                keys.delayed,
                keys.running,
                keys.product(job.id),
                keys.parked(job.id),
                keys.line(job.id),
                keys.record(""),
            ],
            args=[
                lease.job_id,
                lease.token,
                _ms(self._times.lease_s),
                _ms(self._times.park_s),
                job.fingerprint(),
                _ms(self._clock()),
            ],
        )
        return [item.decode() if isinstance(item, bytes) else item for item in answer]

    def intend(self, lease: Lease, fields: frozenset[str]) -> None:
        keys = LedgerKeys(lease.account)
        with fail_closed("the ledger"):
            is_ours = self._intend(
                keys=[keys.record(lease.job_id), keys.running],
                args=[
                    lease.job_id,
                    lease.token,
                    _ms(self._times.lease_s),
                    ",".join(sorted(fields)),
                    _ms(self._times.quiet_s),
                    _ms(self._clock()),
                ],
            )
        if not is_ours:
            raise LeaseLost(lease.job_id)

    def settle(
        self, lease: Lease, outcome: Mapping[str, Any], how: str, wrote: frozenset[str]
    ) -> None:
        keys, text = LedgerKeys(lease.account), json.dumps(outcome)
        self._before_settling(keys.outcome(lease.job_id), text, outcome)
        with fail_closed("the ledger"):
            answer = self._settle(
                keys=[
                    keys.record(lease.job_id),
                    keys.outcome(lease.job_id),
                    keys.running,
                    keys.product(lease.product_id),
                    keys.parked(lease.product_id),
                    keys.line(lease.product_id),
                    keys.waiting(Lane.INTERACTIVE),
                    keys.waiting(Lane.BULK),
                    keys.delayed,
                    keys.ended,
                    keys.dead,
                    keys.dead_letter(lease.job_id),
                    keys.history,
                    keys.history_number,
                ],
                args=[
                    lease.job_id,
                    lease.token,
                    text,
                    how,
                    self._times.result_retention_s,
                    self._times.key_retention_s,
                    self._times.dead_retention_s if leaves_dead_letter(outcome) else 0,
                    DEAD_LETTERS_KEPT,
                    *sorted(wrote),
                ],
            )
            self._wake(lease, answer)

    def bury(
        self, job: UpdateJob, job_id: str, lane: Lane, outcome: Mapping[str, Any], how: str
    ) -> None:
        with fail_closed("the ledger"):
            kept_s = self._times.dead_retention_s
            self._dead.bury(job, job_id, lane, outcome, how, kept_s=kept_s)

    def requeue(self, lease: Lease, *, unknown: bool) -> None:
        keys = LedgerKeys(lease.account)
        with fail_closed("the ledger"):
            lane = self._lane(lease.account, lease.job_id)
            self._release_job(lease, keys.waiting(lane), 0, "put back", unknown=unknown)

    def delay(self, lease: Lease, seconds: float, *, unknown: bool, why: str = "") -> None:
        keys = LedgerKeys(lease.account)
        with fail_closed("the ledger"):
            self._release_job(lease, keys.delayed, seconds, "delay", unknown=unknown, why=why)

    def defer(self, lease: Lease, seconds: float, *, unknown: bool) -> None:
        keys = LedgerKeys(lease.account)
        with fail_closed("the ledger"):
            self._release_job(lease, keys.delayed, seconds, "defer", unknown=unknown)

    def _release_job(
        self,
        lease: Lease,
        target: str,
        seconds: float,
        how: Literal["delay", "defer", "put back"],
        *,
        unknown: bool,
        why: str = "",
    ) -> None:
        keys = LedgerKeys(lease.account)
        answer = self._release(
            keys=[
                keys.record(lease.job_id),
                keys.running,
                target,
                keys.product(lease.product_id),
                keys.parked(lease.product_id),
                keys.delayed,
            ],
            args=[
                lease.job_id,
                lease.token,
                _ms(seconds),
                how,
                int(unknown),
                why[:SHOWN_CHARACTERS],
                HISTORY_KEPT,
                _ms(self._clock()),
            ],
        )
        self._wake(lease, answer)

    def _wake(self, lease: Lease, answer: list[Any]) -> None:
        """Put the next job parked for the product to the front of its queue. Raises LeaseLost."""
        if not answer[0]:
            raise LeaseLost(lease.job_id)
        if parked := answer[1].decode():
            self.republisher.republish(
                lease.account, parked, LedgerKeys(lease.account).delayed, front=True
            )

    def withdraw(
        self, account: str, job_id: str, outcome: Mapping[str, Any], how: str
    ) -> bool | None:
        """End a job that no worker has and that was not sent, wherever it waits.

        Returns False if it has ended, a worker has it or it was sent; None if no such job was
        accepted. `outcome` and `how` as in `settle`. Raises Unavailable.
        """
        keys, token = LedgerKeys(account), uuid.uuid4().hex
        places = [keys.delayed, keys.waiting(Lane.INTERACTIVE), keys.waiting(Lane.BULK)]
        with fail_closed("the ledger"):
            status, *detail = self._withdraw(
                keys=[keys.record(job_id), keys.running, keys.parked_prefix, *places],
                args=[job_id, token, _ms(self._times.lease_s)],
            )
        if status != b"taken":
            return None if status == b"unknown" else False
        product, lane, raw = map(_text, detail)
        self.settle(Lease(account, job_id, int(product), token), outcome, how, frozenset())
        if raw:
            # A worker finds that the job has ended, and does what follows, such as a chord's error.
            with fail_closed("the queue"):
                self._redis.rpush(raw_queue_key(account, Lane(lane), raw), raw)
        return True

    def has_ended(self, account: str, job_id: str) -> bool:
        """Whether the job was accepted and has its outcome. Raises Unavailable."""
        with fail_closed("the ledger"):
            return bool(self._redis.hexists(LedgerKeys(account).record(job_id), "ended"))

    def _lane(self, account: str, job_id: str) -> Lane:
        lane = self._redis.hget(LedgerKeys(account).record(job_id), "lane")
        return Lane(_text(lane)) if lane else Lane.BULK


def _claimed(job: UpdateJob, lease: Lease, detail: list[Any]) -> Claimed:
    attempt, sequence, sent, crashes, lookups, spent_ms, deferred_ms, since_ms, *pairs = detail
    product = dict(zip(pairs[::2], pairs[1::2], strict=True))
    newer = {}
    for field in (*job.changes(), *job.clear):
        later, _, winner = product.get(_WROTE + field, "0:").partition(":")
        if int(later) > int(sequence):
            newer[field] = winner
    return Claimed(
        lease=lease,
        attempt=int(attempt),
        sent=frozenset(sent.split(",")) if sent else None,
        newer=newer,
        crashes=int(crashes),
        lookups=int(lookups),
        spent_s=int(spent_ms) / 1000,
        deferred_s=int(deferred_ms) / 1000,
        since_execution_s=int(since_ms or 0) / 1000,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
