"""Who watches the vendor's calls."""

from __future__ import annotations

from typing import Protocol

from tasks.ports import Call

NO_CONNECTION = "not_sent"
"""Instead of an HTTP status: the call provably never left."""

NO_ANSWER = "no_answer"
"""Instead of an HTTP status: a timeout, or a connection that broke."""


class CallObserver(Protocol):
    """Hears of each call once it is over; never raises."""

    def called(self, call: Call, status: str, seconds: float) -> None:
        """`status`: the HTTP status, NO_CONNECTION or NO_ANSWER; `seconds`: without the permit."""

    def asked_for(self, call: Call, values: int) -> None:
        """A query's call had so many ids, customers and lines as filters."""


class Unobserved:
    """Nobody watches."""

    def called(self, call: Call, status: str, seconds: float) -> None:
        """Nothing."""

    def asked_for(self, call: Call, values: int) -> None:
        """Nothing."""
