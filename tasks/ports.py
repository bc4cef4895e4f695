"""What the handlers need from the outside. The adapters in worker/ implement it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from revio_jobs.contracts import CustomerProductRecord, Lane


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

    def refund(self, permit: Permit) -> None:
        """Give back a permit whose call provably never left; never raises."""

    def pause(self, account: str, seconds: float, reason: str) -> None:
        """The vendor told us to wait: no calls of the account by anybody until then."""


class Gateway(Protocol):
    """One account at the vendor. Every call inside takes a permit of its own."""

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        """One vendor call. Raises Retryable or Permanent."""

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        """One vendor call that changes the product.

        `before_send` runs after the permit was granted and before the first byte leaves; what it
        raises stops the call. Raises Retryable or Permanent when the vendor provably did not
        execute the change, OutcomeUnknown when it may have.
        """
