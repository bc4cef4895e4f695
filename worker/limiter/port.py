"""What the waiting needs from a limiter: one atomic decision at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tasks.ports import Call, Permit


class Bound(StrEnum):
    """What can refuse a call."""

    PAUSE = "pause"
    DAY = "day"
    MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class Granted:
    """The call may go out now."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not go out yet."""

    bound: Bound
    wait_s: float
    """When asking again is worthwhile, in seconds from now."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One account's calls, as counted now."""

    minute_used: int
    minute_limit: int
    day_used: int
    day_limit: int
    day_resets_at: float
    """Unix time, seconds."""
    paused_for_s: float
    """0: not paused."""
    pause_reason: str
    purposes_today: dict[str, int]
    """Calls of the day by purpose."""


class Limiter(Protocol):
    """The account's limits, shared by all who call the vendor.

    Every method but the constructor raises Unavailable when the limits cannot be asked.
    """

    def admit(self, call: Call) -> Granted | Refused:
        """Charge the call to all bounds, or to none and say which one refused."""

    def refund(self, permit: Permit) -> None:
        """Uncharge a call that never left; a second refund of the same permit does nothing."""

    def pause(self, account: str, seconds: float, reason: str) -> None:
        """Refuse all calls of the account for so long; a longer pause stays."""

    def usage(self, account: str) -> Usage:
        """What is used and left."""
