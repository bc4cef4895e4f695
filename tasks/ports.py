"""What the handlers need from the outside. The adapters in worker/ implement it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from revio_jobs.contracts import CustomerProductRecord, Lane, UpdateJob


class Purpose(StrEnum):
    """What a vendor call is spent on."""

    QUERY = "query"
    UPDATE = "update"
    VERIFY = "verify"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Call:
    """On whose behalf a vendor call is made."""

    account: str
    lane: Lane
    purpose: Purpose
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which customer products to read: at least one value in all."""

    ids: tuple[int, ...] = ()
    customer_ids: tuple[int, ...] = ()
    line_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What to write to one customer product; every field not named stays as it is."""

    id: int
    values: Mapping[str, Any]
    """By contract name: Decimal, int, str, date or bool."""
    clear: frozenset[str] = frozenset()
    """Contract names of the fields to null."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one vendor call now."""

    call: Call
    token: str


class Permits(Protocol):
    """Hands out the account's calls, over all processes and hosts."""

    def acquire(self, call: Call) -> Permit:
        """Wait shortly for a permit.

        Raises Throttled or QuotaExhausted when the wait would be long, and Unavailable when the
        limits cannot be asked: then nothing may be called.
        """

    def answered(self, permit: Permit) -> None:
        """The vendor has answered the call: it had arrived by now. Never raises."""

    def refund(self, permit: Permit) -> None:
        """Give back a permit whose call provably never left; never raises."""

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        """The vendor told us to wait: no calls of the account by anybody until then.

        `minute_spent`: it said that the minute's calls are used up.
        """

    def report(self, account: str, *, healthy: bool) -> None:
        """How the vendor took a call: after many faults in a row it is left alone for a while.

        Never raises.
        """


Wanted = Filters | Callable[[], Filters]
"""What to read. A callable is asked when the call has its permit, and tells the same ever after."""


class Reader(Protocol):
    """Reads customer products of one account."""

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        """At most one vendor call. Raises Retryable or Permanent."""


class Gateway(Reader, Protocol):
    """One account at the vendor. Every call inside takes a permit of its own."""

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        """One vendor call. Raises Retryable or Permanent."""

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        """One vendor call that changes the product.

        `before_send` runs after the permit was granted and before the first byte leaves; what it
        raises stops the call. Raises Retryable or Permanent when the vendor provably did not
        execute the change, OutcomeUnknown when it may have.
        """


class LeaseLost(Exception):
    """Another worker may have the job by now: neither send nor settle."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to run an update, for a limited time, proved by the token."""

    account: str
    job_id: str
    product_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """The job is ours until the lease ends."""

    lease: Lease
    attempt: int
    """1 for the first."""
    accepted_at: float
    """Unix time, seconds."""
    sent: frozenset[str] | None
    """The fields that an earlier attempt was about to send, if nothing proves what became of it."""
    newer: Mapping[str, str]
    """The job's fields that a later submission has set already, and the job that did."""
    crashes: int = 0
    """How many workers in a row had the job and were never heard of again."""
    deferred_since: float | None = None
    """Unix time, seconds; None unless all that became of it lately is that it was deferred."""


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """The job has its outcome; None: it ended so long ago that only `how` is remembered."""

    outcome: Mapping[str, Any] | None
    how: str
    ended_at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """Another worker has the job, or another job has the product; it will come again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The idempotency key belongs to another payload."""


class Ledger(Protocol):
    """Knows every update and how far it has come, whatever becomes of workers and messages.

    All methods raise Unavailable when it cannot be asked.
    """

    def claim(
        self, job: UpdateJob, job_id: str, lane: Lane
    ) -> Claimed | AlreadyEnded | NotNow | KeyTaken:
        """Take the job, accepting it first if it came as a raw message."""

    def intend(self, lease: Lease, fields: frozenset[str]) -> None:
        """Note that these fields are about to be sent, and renew the lease for the call.

        Raises LeaseLost.
        """

    def settle(
        self, lease: Lease, outcome: Mapping[str, Any], how: str, wrote: frozenset[str]
    ) -> None:
        """Give the job its one outcome; `wrote` are the fields that the vendor now has from it.

        Raises LeaseLost.
        """

    def bury(
        self, job: UpdateJob, job_id: str, lane: Lane, outcome: Mapping[str, Any], how: str
    ) -> None:
        """Keep a raw message's job, which was never accepted, as one that failed.

        Its key stays free. Nothing happens if the ledger knows the job.
        """

    def put_back(self, lease: Lease, *, unknown: bool) -> None:
        """The job's message goes back to its queue; this attempt does not count.

        `unknown` as in `delay`. Raises LeaseLost.
        """

    def delay(self, lease: Lease, seconds: float, *, unknown: bool, why: str = "") -> None:
        """Try again after so long; `why` is kept in the job's history.

        `unknown`: what was sent may have been executed, so the product stays reserved for this job
        until that is known.

        Raises LeaseLost.
        """

    def defer(self, lease: Lease, seconds: float) -> None:
        """Try again after so long, when what it needs can be known; this attempt does not count.

        Nothing of the job may be under way. Raises LeaseLost.
        """
