"""Counts the calls of each experiment, and lets it make no more than it has declared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from revio_jobs.errors import Throttled
from tasks.ports import Call, Permit, Permits

_UNCOUNTED = ""


class BudgetSpentError(Exception):
    """The experiment has made all the calls that it declared."""


class ExperimentBudget:
    """Implements the Permits port: every permit is one of the account's, and counted here.

    An experiment is refused on purpose, so faults and refusals do not close the account for others
    and do not count for its breaker. A limit that the vendor names pauses the account as usual.
    """

    def __init__(
        self, permits: Permits, impatient: Permits | None = None, *, calls_per_minute: int = 500
    ) -> None:
        """`impatient`: the same permits without waiting, for calls beyond the limits."""
        self._permits = permits
        self._impatient = impatient or permits
        self._is_beyond = False
        self.calls_per_minute = calls_per_minute
        """What the account may call, by its settings."""
        self._limit = 0
        self.used = 0

    @contextmanager
    def allowing(self, calls: int) -> Iterator[None]:
        """At most so many calls within the block."""
        before, self._limit = self._limit, self.used + calls
        try:
            yield
        finally:
            self._limit = before

    @contextmanager
    def beyond_limits(self) -> Iterator[None]:
        """Calls within the block go out even if our own limits have none left; those that they do
        have are counted against them.
        """
        self._is_beyond = True
        try:
            yield
        finally:
            self._is_beyond = False

    def acquire(self, call: Call) -> Permit:
        """As the port says; raises BudgetSpentError."""
        if self.used >= self._limit:
            raise BudgetSpentError
        permit = self._beyond(call) if self._is_beyond else self._permits.acquire(call)
        self.used += 1
        return permit

    def _beyond(self, call: Call) -> Permit:
        try:
            return self._impatient.acquire(call)
        except Throttled:
            return Permit(call, _UNCOUNTED)

    def answered(self, permit: Permit) -> None:
        if permit.token != _UNCOUNTED:
            self._permits.answered(permit)

    def refund(self, permit: Permit) -> None:
        self.used -= 1
        if permit.token != _UNCOUNTED:
            self._permits.refund(permit)

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        self._permits.pause(account, seconds, reason, minute_spent=minute_spent)

    def close(self, account: str, reason: str) -> None:
        """Does nothing: an experimenter stops by themselves."""

    def report(self, account: str, *, healthy: bool) -> None:
        if healthy:
            self._permits.report(account, healthy=True)
