"""One attempt at an update: find out what an earlier one did, check what is expected, send."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from revio_jobs.contracts import CustomerProductRecord, UpdateJob
from revio_jobs.errors import OutcomeUnknown, Permanent, Rejected, Retryable, Unreadable
from tasks.decision import Done, failed, succeeded
from tasks.ports import (
    Call,
    Change,
    Claimed,
    Filters,
    Gateway,
    Ledger,
    PartlyReadable,
    Purpose,
    Reader,
)
from tasks.update.reconcile import UpdateFate, differences, is_already_applied, judge
from tasks.update.send_check import NoCampaigns, SendCheck


@dataclass(frozen=True, slots=True)
class UpdateTarget:
    """Where an account's updates go, and how its vendor behaves."""

    gateway: Gateway
    reader: Reader
    """Reads products, sharing calls with other queries where possible."""
    execution_s: float = 30.0
    """How long the vendor may still be executing a call that it has not answered."""
    read_lag_s: float = 0.0
    """How long after an update a query may still show the old values; 0 if it shows the new ones at
    once."""
    lag_left_s: Callable[[int], float] = lambda _: 0.0
    """For a product's id: the seconds for which a query may still show it as it was before the last
    update that ended. Raises Unavailable."""
    send_check: SendCheck = field(default_factory=NoCampaigns)
    fresh_s: float = 60.0
    """How long values that a campaign has read of a product may be relied on."""

    @property
    def shows_at_once(self) -> bool:
        """Whether a query right after an update shows the new values."""
        return not self.read_lag_s


class ReadTooEarly(Exception):
    """A query could not be relied on yet; it is to be made after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("a query may still show the product as it was before our last update")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class AttemptEnding:
    """How an attempt ended the job."""

    done: Done
    how: str
    wrote: frozenset[str] = frozenset()
    """The fields that the vendor now has from this job."""


class Attempt:
    """One attempt at a claimed update."""

    def __init__(
        self,
        job: UpdateJob,
        claimed: Claimed,
        *,
        call: Call,
        target: UpdateTarget,
        ledger: Ledger,
        clock: Callable[[], float],
    ) -> None:
        self._job = job
        self._claimed = claimed
        self._call = call
        self._target = target
        self._ledger = ledger
        self._clock = clock
        self._calls = 0
        self.sent = claimed.sent
        """The fields that were sent and of which nothing proves what became of them."""
        self.looked_up = False
        """Whether this attempt has queried what became of them."""

    def run(self) -> AttemptEnding:
        """Raises RevioError, ReadTooEarly, or LeaseLost if another worker may have the job."""
        if self.sent:
            fate = self._find_fate(self.sent)
            if fate is UpdateFate.APPLIED:
                return self._applied(self.sent, verified=True)
            if fate is UpdateFate.UNDECIDED:
                return unknown_ending(self._job, self.sent)
            self.sent = None
        change = change_of(self._job, _fields(self._job) - self._claimed.newer.keys())
        fields = frozenset(change.values) | change.clear
        if not fields:
            return self._ended("superseded", superseded_by=max(self._claimed.newer.values()))
        if self._job.expected and (wait_s := self._target.lag_left_s(self._job.id)):
            raise ReadTooEarly(wait_s)
        record = self._read_or_reject() if self._must_be_read() else None
        if record and (drift := self._drift(record)):
            return self._ended("drifted", found=drift)
        if record and self._may_be_skipped() and is_already_applied(change, record):
            # Nothing is to be sent, but an older job that comes late must not undo these values.
            return self._ended("applied", fields, verified=True)
        self._target.send_check.check(self._job, record)
        self._send(change, fields)
        return self._applied(fields, verified=False)

    def _find_fate(self, sent: frozenset[str]) -> UpdateFate:
        """Also raises ReadTooEarly: old values prove nothing before the lag is over."""
        target = self._target
        self.looked_up = True
        change = change_of(self._job, sent)
        fate = judge(change, self._read(), shows_at_once=target.shows_at_once)
        lag_left_s = target.read_lag_s - self._claimed.since_execution_s
        if fate is UpdateFate.UNDECIDED and lag_left_s > 0:
            raise ReadTooEarly(lag_left_s)
        return fate

    def _must_be_read(self) -> bool:
        expects = self._job.expected is not None and not self._was_read_just_now()
        return expects or self._may_be_skipped()

    def _may_be_skipped(self) -> bool:
        # Where queries lag, old values that look unchanged must not keep a change from being sent.
        return self._job.skip_unchanged and self._target.shows_at_once

    def _drift(self, record: CustomerProductRecord) -> dict[str, Any]:
        return differences(self._job.expected.named(), record) if self._job.expected else {}

    def _was_read_just_now(self) -> bool:
        read_at = self._job.campaign.read_at if self._job.campaign else None
        return read_at is not None and abs(self._clock() - read_at) <= self._target.fresh_s

    def _read_or_reject(self) -> CustomerProductRecord:
        record = self._read()
        if record is None:
            raise Rejected(None, f"there is no customer product {self._job.id}")
        return record

    def _read(self) -> CustomerProductRecord | None:
        self._calls += 1
        try:
            records = self._target.reader.query(
                Filters(ids=(self._job.id,)), replace(self._call, purpose=Purpose.VERIFY)
            )
        except PartlyReadable as exc:
            raise Unreadable([fault.as_json() for fault in exc.unreadable]) from exc
        same_id = (record for record in records if record["customer_product_id"] == self._job.id)
        return next(same_id, None)

    def _send(self, change: Change, fields: frozenset[str]) -> None:
        def before_send() -> None:
            self._ledger.intend(self._claimed.lease, fields)
            self.sent, self.looked_up = fields, False

        self._calls += 1
        try:
            self._target.gateway.update(change, self._call, before_send)
        except (Retryable, Permanent):
            # By these the gateway says that the vendor did not execute it.
            self.sent = None
            raise

    def _applied(self, fields: frozenset[str], *, verified: bool) -> AttemptEnding:
        return self._ended("applied", fields, verified=verified, sent=sorted(fields))

    def _ended(
        self, how: str, wrote: frozenset[str] = frozenset(), **more: object
    ) -> AttemptEnding:
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        result = {"outcome": how, "id": self._job.id, "calls": self._calls, "settled_at": now}
        return AttemptEnding(succeeded(result | more), how, wrote)


def unknown_ending(job: UpdateJob, sent: frozenset[str]) -> AttemptEnding:
    """A person has to look. The fields count as written: no older job may overwrite them."""
    error = OutcomeUnknown(
        f"update of customer product {job.id} ({', '.join(sorted(sent))}) was sent, and nothing "
        "proves whether the vendor executed it"
    )
    return AttemptEnding(failed(error), "OutcomeUnknown", sent)


def change_of(job: UpdateJob, fields: AbstractSet[str]) -> Change:
    """The part of the job's change that concerns those fields."""
    values = {name: value for name, value in job.changes().items() if name in fields}
    return Change(job.id, values, frozenset(job.clear) & fields)


def _fields(job: UpdateJob) -> frozenset[str]:
    return frozenset(job.changes()) | frozenset(job.clear)
