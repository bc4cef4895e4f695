"""The handlers' ports; the adapters in worker/ implement them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from revio_jobs.contracts import CustomerProductRecord, Lane, UpdateJob
from revio_jobs.errors import Unreadable
from revio_jobs.reservation_outcome import KeyConflict


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
    source: str = ""
    """The service that submitted the job, if it is known. Of a call that queries share, the one of
    the query that makes it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which customer products to read; at least one value in total."""

    ids: tuple[int, ...] = ()
    customer_ids: tuple[int, ...] = ()
    line_ids: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many values there are in all."""
        return len(self.ids) + len(self.customer_ids) + len(self.line_ids)


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
        """Wait for a permit if the wait is short.

        Raises Throttled or QuotaExhausted if it would be long, Unauthorised while the account is
        closed, and Unavailable if the limits cannot be asked: then nothing may be called.
        """

    def answered(self, permit: Permit) -> None:
        """The vendor has answered the call, so it has arrived by now. Never raises."""

    def refund(self, permit: Permit) -> None:
        """Give back a permit whose call provably never left; never raises."""

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        """Stop all calls of the account, by any process, because the vendor told us to wait.

        `minute_spent`: it said that the minute's calls are used up. Raises Unavailable.
        """

    def close(self, account: str, reason: str) -> None:
        """Stop the account's calls, by any process, because the vendor refuses its login, key or
        address. One call per minute probes whether it is accepted again. Raises Unavailable.
        """

    def report(self, account: str, *, healthy: bool) -> None:
        """Count a healthy answer or a fault; consecutive faults open the breaker. Never raises."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A product whose record came and has a field that cannot be read."""

    customer_product_id: int | None
    """None if not even that can be read: then the whole customer or line is concerned."""
    customer_id: int | None
    line_id: int | None
    field: str | None
    """The contract's name; None if the record as a whole is not XML."""
    problem: str
    """What is wrong with it, without its value."""

    def value_of(self, filter_name: str) -> int | None:
        """The record's value for a filter: ids, customer_ids or line_ids."""
        return {
            "ids": self.customer_product_id,
            "customer_ids": self.customer_id,
            "line_ids": self.line_id,
        }[filter_name]

    def as_json(self) -> dict[str, Any]:
        """As results and errors have it."""
        return asdict(self)

    def __str__(self) -> str:
        """In words, with the ID and the field."""
        return str(Unreadable([self.as_json()]))


class PartlyReadable(Exception):
    """An answer of which some records cannot be read.

    Raised instead of returned, so that nobody takes those products for missing.
    """

    def __init__(
        self,
        records: list[CustomerProductRecord],
        unreadable: Sequence[UnreadableRecord],
    ) -> None:
        super().__init__(records, unreadable)
        self.records = records
        self.unreadable = tuple(unreadable)


class SpoiltAnswer(Exception):
    """A whole answer came that cannot be parsed: something that one of the products holds.

    The same request would be answered in the same way; a part of it perhaps not.
    """


Wanted = Filters | Callable[[], Filters]
"""What to read. A callable is called when the call has its permit, always with the same result."""


class Reader(Protocol):
    """Reads customer products of one account."""

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        """At most one vendor call. Raises Retryable or Permanent, or PartlyReadable."""


class Gateway(Reader, Protocol):
    """One account at the vendor. Every call inside takes a permit of its own."""

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        """One vendor call. Raises Retryable or Permanent, PartlyReadable, or SpoiltAnswer."""

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        """One vendor call that changes the product.

        `before_send` runs after the permit was granted and before the first byte leaves; what it
        raises stops the call. Raises Retryable or Permanent when the vendor provably did not
        execute the change, OutcomeUnknown when it may have.
        """

    def check_schema(self, max_age_s: float) -> None:
        """Make sure that the vendor's schema is as it was when it was last judged.

        It costs at most one call per `max_age_s` and account. Raises Throttled if it has changed
        for the worse: then the account's updates are stopped until somebody has looked at it. The
        first reading of a schema may also raise what any call raises.
        """

    def slow_down(self, reason: str) -> None:
        """Pause the account for some ten seconds: the vendor refuses whatever it is asked."""


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
    """The job is ours until the lease ends.

    Durations are by the ledger's own clock, so the clocks of the workers' hosts do not matter.
    """

    lease: Lease
    attempt: int
    """1 for the first."""
    sent: frozenset[str] | None
    """The fields that an earlier attempt was about to send, if nothing proves what became of it."""
    newer: Mapping[str, str]
    """The job's fields that a later submission has already set, and the job that did."""
    crashes: int = 0
    """How many workers in a row took the job and were never heard of again."""
    lookups: int = 0
    """How many workers have already taken it to find out what became of `sent`."""
    spent_s: float = 0.0
    """Time since the first attempt, counting attempts and backoff only: not the time for which the
    job waited for its lane, its product or a reliable reading."""
    deferred_s: float = 0.0
    """For how long it has been deferred, up to now and without any attempt in between."""
    since_execution_s: float = 0.0
    """Time since the last moment at which the vendor can have been executing `sent`."""


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """The job has its outcome. None: it ended so long ago that only `how` is still known."""

    outcome: Mapping[str, Any] | None
    how: str
    ended_at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """Another worker has the job, or another job has the product. It will be delivered again."""

    reason: str


@dataclass(frozen=True, slots=True)
class RawMessage:
    """What the ledger keeps of a message that was not sent through our client."""

    place: int | None = None
    """Its place in the account's order of submissions; None: the last."""
    text: str = ""
    """The message, to be delivered again as it was sent; "": one is made from the job."""


class Ledger(Protocol):
    """The record of every accepted update and how far it has come; outlives workers and messages.

    All methods raise Unavailable if the ledger cannot be asked.
    """

    def claim(
        self, job: UpdateJob, job_id: str, lane: Lane, raw: RawMessage | None = None
    ) -> Claimed | AlreadyEnded | NotNow | KeyConflict:
        """Take the job. A job that came as a raw message is accepted first."""

    def intend(self, lease: Lease, fields: frozenset[str]) -> None:
        """Record that these fields are about to be sent, and renew the lease for the call.

        Raises LeaseLost.
        """

    def settle(
        self, lease: Lease, outcome: Mapping[str, Any], how: str, wrote: frozenset[str]
    ) -> None:
        """Record the job's outcome. `wrote`: the fields that the vendor now has from this job.

        Raises LeaseLost.
        """

    def bury(
        self, job: UpdateJob, job_id: str, lane: Lane, outcome: Mapping[str, Any], how: str
    ) -> None:
        """Keep a dead letter of a raw message whose job was never accepted.

        The job's key stays free. Does nothing if the ledger knows the job.
        """

    def requeue(self, lease: Lease, *, unknown: bool) -> None:
        """Return the job to the front of its lane; this attempt does not count.

        `unknown` as in `delay`. Raises LeaseLost.
        """

    def delay(self, lease: Lease, seconds: float, *, unknown: bool, why: str = "") -> None:
        """Try again after this long, because an attempt failed; `why` goes into the job's history.

        `unknown`: what was sent may have been executed, so the product stays reserved for this job
        until that is known. Raises LeaseLost.
        """

    def defer(self, lease: Lease, seconds: float, *, unknown: bool) -> None:
        """Try again after this long, because what the job needs cannot be read reliably yet.

        This attempt does not count. `unknown` as in `delay`. Raises LeaseLost.
        """
