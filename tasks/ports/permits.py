"""The right to make one vendor call, and who hands it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from revio_jobs.contracts import Lane


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
    """The service that submitted the job, if it is known. For a call that queries share: the
    service of the query that makes it."""


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
