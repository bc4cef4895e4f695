"""Withdraws waiting updates for operators, and records who did it, when and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from redis import Redis

from revio_jobs.broker import queue_keys
from revio_jobs.contracts import UPDATE_TASK, Lane, UpdateJob, job_id_of, queue_name
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import InvalidJob, Withdrawn
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.reservation import Reservations
from tasks.decision import failed
from worker.ledger.redis_ledger import RedisLedger
from worker.queues.message_body import decode_body
from worker.redis_kit.scripts import fail_closed

_AT_ONCE = 500
_TRAIL_LENGTH = 10_000
_FIELDS = ("payload", "lane", "accepted", "sent", "until", "ended", "sequence")


@dataclass(frozen=True, slots=True)
class Selection:
    """Selects updates: named ones, or all in some lanes that are older than some age."""

    keys: tuple[str, ...] = ()
    """Idempotency keys."""
    job_ids: tuple[str, ...] = ()
    lanes: tuple[Lane, ...] = tuple(Lane)
    """Lanes to search, if no updates are named."""
    older_than_s: float = 0.0
    """Minimum age in seconds since acceptance, if no updates are named."""

    @property
    def names_jobs(self) -> bool:
        """Whether it names jobs, instead of lanes and ages."""
        return bool(self.keys or self.job_ids)

    def __str__(self) -> str:
        if self.names_jobs:
            return f"{len(self.keys)} keys and {len(self.job_ids)} jobs"
        lanes = ", ".join(lane.value for lane in self.lanes)
        return f"lane {lanes}, accepted over {self.older_than_s:g} s ago"


@dataclass(frozen=True, slots=True)
class WaitingUpdate:
    """A selected update, and why it cannot be withdrawn, if so."""

    job_id: str
    key: str | None = None
    product_id: int | None = None
    lane: Lane | None = None
    accepted_at: float | None = None
    """Unix time, seconds."""
    kept_because: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An entry of the audit trail."""

    at: datetime
    """Aware, UTC."""
    by: str
    reason: str
    selection: str
    withdrawn: int
    kept: int


class Withdrawals:
    """Withdraws updates of one account. Every method raises Unavailable."""

    def __init__(self, redis: Redis, ledger: RedisLedger, account: str) -> None:
        self._redis: Any = redis
        self._ledger = ledger
        self._account = account
        self._keys = LedgerKeys(account)
        self._reservations = Reservations(redis)
        self._trail = _trail(account)

    def find(self, selection: Selection) -> Iterator[WaitingUpdate]:
        """The selected updates; those selected by lane and age have not ended."""
        named = [*selection.job_ids]
        named += [job_id_of(self._account, key) for key in selection.keys]
        with fail_closed("the ledger"):
            seconds, micros = self._redis.time()
            now = seconds + micros / 1e6
            job_ids = iter(named) if selection.names_jobs else self._unended()
            while chunk := list(islice(job_ids, _AT_ONCE)):
                for job_id, record in self._records(chunk):
                    update = _judged(job_id, record, now)
                    if selection.names_jobs or _is_selected(update, selection, now):
                        yield update

    def accept_raw(self, selection: Selection) -> int:
        """Accept updates that no worker has seen yet, so that they can be found and withdrawn.

        They were sent without our client and are known by their messages alone. Their age is not
        known, so none is accepted for a selection by age or by name. Returns how many there were.
        """
        raw = list(self._raw(selection))
        for job, job_id, lane in raw:
            with fail_closed("the ledger"):
                self._reservations.reserve(job, job_id, lane)
        return len(raw)

    def count_raw(self, selection: Selection) -> int:
        """How many `accept_raw` would accept."""
        return sum(1 for _ in self._raw(selection))

    def withdraw(self, update: WaitingUpdate, reason: str, by: str) -> Withdrawn | None:
        """End the update. Returns None if a worker has taken it in the meantime.

        Otherwise returns the error that the update's caller gets.
        """
        error = Withdrawn(f"withdrawn by {by}: {reason}; nothing was sent")
        outcome, how = failed(error).outcome, type(error).__name__
        ended = self._ledger.withdraw(self._account, update.job_id, outcome, how)
        return error if ended else None

    def record(
        self, selection: Selection, reason: str, by: str, *, withdrawn: int, kept: int
    ) -> None:
        """Add to the audit trail, which keeps the last 10,000 entries."""
        entry = {
            "by": by,
            "reason": reason,
            "selection": str(selection),
            "withdrawn": withdrawn,
            "kept": kept,
        }
        with fail_closed("the ledger"):
            self._redis.xadd(self._trail, entry, maxlen=_TRAIL_LENGTH, approximate=True)

    def _raw(self, selection: Selection) -> Iterator[tuple[UpdateJob, str, Lane]]:
        if selection.names_jobs or selection.older_than_s:
            return
        for lane in selection.lanes:
            with fail_closed("the queue"):
                # From the front of the queue, so that they are accepted in their order.
                messages = [
                    message
                    for queue in queue_keys(queue_name(self._account, lane))
                    for message in self._redis.lrange(queue, 0, -1)[::-1]
                ]
                queued = list(filter(None, map(_update_of, messages)))
                records = (self._keys.record(job_id) for _, job_id in queued)
                known = [self._redis.exists(record) for record in records]
            for (job, job_id), is_known in zip(queued, known, strict=True):
                # One of another account's is refused by the worker, since its queue is not.
                if not is_known and job.account == self._account:
                    yield job, job_id, lane

    def _unended(self) -> Iterator[str]:
        places = [*map(self._keys.waiting, Lane), self._keys.delayed, self._keys.running]
        seen: set[str] = set()
        for place in places:
            for member, _ in self._redis.zscan_iter(place, count=_AT_ONCE):
                # A job may move from one place to another during the scan.
                if (job_id := member.decode()) not in seen:
                    seen.add(job_id)
                    yield job_id

    def _records(self, ids: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in ids:
                pipeline.hmget(self._keys.record(job_id), *_FIELDS)
            answers = pipeline.execute()
        for job_id, values in zip(ids, answers, strict=True):
            pairs = zip(_FIELDS, values, strict=True)
            yield job_id, {name: value.decode() for name, value in pairs if value is not None}


def latest_withdrawals(redis: Redis, account: str, count: int) -> list[Withdrawal]:
    """The latest entries of the account's audit trail, newest first. Raises Unavailable."""
    with fail_closed("the ledger"):
        entries: Any = redis.xrevrange(_trail(account), count=count)
    return [_entry(entry_id, fields) for entry_id, fields in entries]


def _trail(account: str) -> str:
    return f"revio:{account}:withdrawals"


def _update_of(message: bytes) -> tuple[UpdateJob, str] | None:
    """The update and the id of its job; None for any other message."""
    if UPDATE_TASK.encode() not in message:
        return None
    try:
        decoded = json.loads(message)
        args, kwargs, _ = decode_body(decoded)
        if decoded["headers"]["task"] != UPDATE_TASK or args:
            return None
        job = decode(UpdateJob, kwargs)
    except (ValueError, KeyError, TypeError, RecursionError, InvalidJob):
        return None  # the worker will refuse it
    key = job.idempotency_key
    return job, job_id_of(job.account, key) if key else str(decoded["headers"]["id"])


def _judged(job_id: str, record: Mapping[str, str], now: float) -> WaitingUpdate:
    if "ended" in record:
        return WaitingUpdate(job_id, kept_because=f"it has ended as {record['ended']}")
    if "sequence" not in record:
        return WaitingUpdate(job_id, kept_because="no such update is known")
    payload = json.loads(record["payload"])
    return WaitingUpdate(
        job_id,
        payload.get("idempotency_key"),
        int(payload["id"]),
        Lane(record["lane"]),
        int(record["accepted"]) / 1000,
        _why_kept(record, payload, now),
    )


def _why_kept(record: Mapping[str, str], payload: Mapping[str, Any], now: float) -> str:
    if record.get("sent"):
        return "it was sent"
    if int(record.get("until", 0)) / 1000 > now:
        return "a worker has it"
    if row := payload.get("campaign"):
        return f"it is a row of campaign {row['run']}, which would send it again"
    return ""


def _is_selected(update: WaitingUpdate, selection: Selection, now: float) -> bool:
    if update.accepted_at is None:
        return False  # it has ended since
    is_old = now - update.accepted_at >= selection.older_than_s
    return is_old and update.lane in selection.lanes


def _entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Withdrawal:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    return Withdrawal(
        at=datetime.fromtimestamp(int(entry_id.partition(b"-")[0]) / 1000, UTC),
        by=texts["by"],
        reason=texts["reason"],
        selection=texts["selection"],
        withdrawn=int(texts["withdrawn"]),
        kept=int(texts["kept"]),
    )
