"""The record of every accepted update, as the update handler sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.reservation_outcome import KeyConflict


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
    """The job has its outcome; None if it ended so long ago that only `how` is known."""

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
    """Its place in the account's order of submissions; None for the last."""
    text: str = ""
    """The message, to be delivered again as it was sent; "" to make one from the job."""


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
