"""The ledger in memory, with a clock of the caller's choice: for tests and simulation."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.errors import revive
from revio_jobs.reservation_outcome import Attached, Expired, KeyConflict, New, Reservation, Settled
from tasks.ports import AlreadyEnded, Claimed, Lease, LeaseLost, NotNow, RawMessage
from worker.ledger.dead_letter import DeadLetter, Failure, leaves_dead_letter
from worker.ledger.retention import HISTORY_KEPT, SHOWN_CHARACTERS, LedgerTimes

_NO_SEQUENCE = 0


@dataclass
class _Record:
    job: UpdateJob
    lane: Lane
    sequence: int
    accepted_at: float
    place: str = "waiting"
    """waiting, delayed or running; "" when it has ended."""
    attempts: int = 0
    token: str = ""
    leased_until: float = 0.0
    due_at: float = 0.0
    parked: bool = False
    sent: frozenset[str] | None = None
    quiet_until: float = 0.0
    claims: int = 0
    """Crashes since a worker last concluded anything."""
    taken_at: float = 0.0
    execution_over_at: float = 0.0
    lookups: int = 0
    spent_s: float = 0.0
    deferred_s: float = 0.0
    history: list[Failure] = field(default_factory=list)
    outcome: Mapping[str, Any] | None = None
    how: str = ""
    ended_at: float = 0.0


@dataclass
class _Product:
    holder: str = ""
    wrote: dict[str, tuple[int, str]] = field(default_factory=dict)
    kept_until: float = inf


class MemoryLedger:
    """Implements the Ledger port for one process. Waking parked jobs is left to who runs it."""

    def __init__(self, times: LedgerTimes, clock: Callable[[], float]) -> None:
        self._times = times
        self._clock = clock
        self._records: dict[tuple[str, str], _Record] = {}
        self._products: defaultdict[tuple[str, int], _Product] = defaultdict(_Product)
        self._dead: dict[tuple[str, str], DeadLetter] = {}
        self._sequence = itertools.count(1)

    def reserve(
        self, job: UpdateJob, job_id: str, lane: Lane, *, sequence: int | None = None
    ) -> Reservation:
        """Accept the job, or say what has become of its key."""
        record = self._record(job.account, job_id)
        if record is None:
            number = next(self._sequence) if sequence is None else sequence
            accepted = _Record(job, lane, number, self._clock())
            self._records[job.account, job_id] = accepted
            return New()
        if record.job.fingerprint() != job.fingerprint():
            return KeyConflict()
        if not record.how:
            return Attached()
        outcome = self._outcome(record)
        return Expired(record.how, record.ended_at) if outcome is None else Settled(dict(outcome))

    def claim(
        self, job: UpdateJob, job_id: str, lane: Lane, raw: RawMessage | None = None
    ) -> Claimed | AlreadyEnded | NotNow | KeyConflict:
        """See the port."""
        place = raw.place if raw else None
        if isinstance(self.reserve(job, job_id, lane, sequence=place), KeyConflict):
            return KeyConflict()
        now, record = self._clock(), self._records[job.account, job_id]
        if record.how:
            return AlreadyEnded(self._outcome(record), record.how, record.ended_at)
        if record.leased_until > now or (record.due_at > now and not record.parked):
            return NotNow("leased")
        if record.sent and record.quiet_until > now:
            record.place, record.due_at = "delayed", record.quiet_until
            return NotNow("leased")
        product = self._product(job.account, job.id)
        if self._has_one_before(record) or self._is_held(job.account, product, job_id):
            record.place, record.parked, record.token = "delayed", True, ""
            record.due_at = now + self._times.park_s
            return NotNow("parked")
        record.attempts += 1
        record.claims += 1
        record.token, record.leased_until = uuid.uuid4().hex, now + self._times.lease_s
        record.place, record.due_at, record.parked = "running", 0.0, False
        record.taken_at = now
        record.lookups += record.sent is not None
        product.holder, product.kept_until = job_id, inf
        return Claimed(
            lease=Lease(job.account, job_id, job.id, record.token),
            attempt=record.attempts,
            sent=record.sent,
            newer={
                name: winner
                for name, (sequence, winner) in product.wrote.items()
                if sequence > record.sequence and name in (*job.changes(), *job.clear)
            },
            crashes=record.claims - 1,
            lookups=max(record.lookups - 1, 0),
            spent_s=record.spent_s,
            deferred_s=record.deferred_s,
            since_execution_s=max(now - record.execution_over_at, 0.0) if record.sent else 0.0,
        )

    def intend(self, lease: Lease, fields: frozenset[str]) -> None:
        """See the port."""
        record = self._held(lease)
        if record.leased_until <= self._clock():
            raise LeaseLost(lease.job_id)
        now = self._clock()
        record.sent, record.leased_until = fields, now + self._times.lease_s
        record.quiet_until = record.execution_over_at = now + self._times.quiet_s
        record.lookups = 0

    def settle(
        self, lease: Lease, outcome: Mapping[str, Any], how: str, wrote: frozenset[str]
    ) -> None:
        """See the port."""
        record = self._record(lease.account, lease.job_id)
        if record and record.how and self._outcome(record) == outcome:
            return
        record = self._held(lease)
        record.outcome, record.how, record.ended_at = outcome, how, self._clock()
        record.place = ""
        if leaves_dead_letter(outcome):
            letter = _letter(lease.account, lease.job_id, record)
            self._dead[lease.account, lease.job_id] = letter
        product = self._free(lease)
        for name in wrote:
            if product.wrote.get(name, (0, ""))[0] < record.sequence:
                product.wrote[name] = (record.sequence, lease.job_id)
        product.kept_until = self._clock() + self._times.key_retention_s

    def bury(
        self, job: UpdateJob, job_id: str, lane: Lane, outcome: Mapping[str, Any], how: str
    ) -> None:
        """See the port."""
        if self._record(job.account, job_id) is None:
            refused = _Record(job, lane, _NO_SEQUENCE, self._clock(), outcome=outcome, how=how)
            refused.ended_at = self._clock()
            self._dead[job.account, job_id] = _letter(job.account, job_id, refused)

    def requeue(self, lease: Lease, *, unknown: bool) -> None:
        """See the port."""
        record = self._held(lease)
        record.attempts -= 1
        record.place = "waiting"
        self._release(lease, unknown=unknown)

    def delay(self, lease: Lease, seconds: float, *, unknown: bool, why: str = "") -> None:
        """See the port."""
        record = self._held(lease)
        if why:
            failure = Failure(self._clock(), why[:SHOWN_CHARACTERS])
            record.history = [*record.history, failure][-HISTORY_KEPT:]
        record.spent_s += self._clock() - record.taken_at + seconds
        self._release_until(lease, seconds, unknown=unknown)

    def defer(self, lease: Lease, seconds: float, *, unknown: bool) -> None:
        """See the port."""
        record = self._held(lease)
        deferred_s = record.deferred_s + seconds
        record.attempts -= 1
        self._release_until(lease, seconds, unknown=unknown)
        record.deferred_s = deferred_s

    def dead_letters(self, account: str) -> list[DeadLetter]:
        """The dead letters that are kept, newest first."""
        oldest = self._clock() - self._times.dead_retention_s
        kept = [
            letter
            for letter in self._dead.values()
            if letter.account == account and letter.failed_at > oldest
        ]
        return sorted(kept, key=lambda letter: letter.failed_at, reverse=True)

    def _record(self, account: str, job_id: str) -> _Record | None:
        record = self._records.get((account, job_id))
        if record and record.how and self._age(record) >= self._times.key_retention_s:
            return None
        return record

    def _product(self, account: str, product_id: int) -> _Product:
        if self._products[account, product_id].kept_until <= self._clock():
            del self._products[account, product_id]
        return self._products[account, product_id]

    def _outcome(self, record: _Record) -> Mapping[str, Any] | None:
        return record.outcome if self._age(record) < self._times.result_retention_s else None

    def _age(self, record: _Record) -> float:
        return self._clock() - record.ended_at

    def _has_one_before(self, record: _Record) -> bool:
        """Whether a job that was submitted earlier still has to go first."""
        return record.sent is None and any(
            other.place == "running"
            or other.parked
            or (other.place == "waiting" and other.lane is record.lane)
            for other in self._records.values()
            if (other.job.account, other.job.id) == (record.job.account, record.job.id)
            and other.sequence < record.sequence
        )

    def _is_held(self, account: str, product: _Product, job_id: str) -> bool:
        holder = self._records.get((account, product.holder))
        if holder is None or product.holder == job_id or holder.how:
            return False
        return holder.leased_until > self._clock() or holder.sent is not None

    def _held(self, lease: Lease) -> _Record:
        record = self._records[lease.account, lease.job_id]
        if record.token != lease.token:
            raise LeaseLost(lease.job_id)
        return record

    def _release_until(self, lease: Lease, seconds: float, *, unknown: bool) -> None:
        record = self._held(lease)
        record.place, record.due_at = "delayed", self._clock() + seconds
        if unknown:
            record.quiet_until = record.due_at
        self._release(lease, unknown=unknown)

    def _release(self, lease: Lease, *, unknown: bool) -> None:
        record = self._held(lease)
        record.claims, record.deferred_s = 0, 0.0
        if unknown:
            record.token, record.leased_until = "", 0.0
            return
        record.sent, record.lookups = None, 0
        self._free(lease)

    def _free(self, lease: Lease) -> _Product:
        record = self._records[lease.account, lease.job_id]
        record.token, record.leased_until = "", 0.0
        product = self._product(lease.account, lease.product_id)
        if product.holder == lease.job_id:
            product.holder = ""
        return product


def _letter(account: str, job_id: str, record: _Record) -> DeadLetter:
    error = (record.outcome or {})["error"]
    return DeadLetter(
        account=account,
        job_id=job_id,
        payload=record.job.kwargs(),
        lane=record.lane,
        sequence=record.sequence or None,
        accepted_at=record.accepted_at,
        failed_at=record.ended_at,
        attempts=record.attempts,
        error=revive(error["type"], error["args"]),
        history=tuple(record.history),
    )
