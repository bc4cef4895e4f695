"""What the waiting needs from a limiter: one atomic decision at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit


class Bound(StrEnum):
    """What can refuse a call."""

    PAUSE = "pause"
    BREAKER = "breaker"
    DAY = "day"
    MINUTE = "minute"
    PACE = "pace"
    TURN = "turn"


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
    minute_ceiling: int
    """What of the limit may be used now: less while others use the key, or after a pause."""
    interactive_ceiling: int
    """What interactive calls may bring the minute to: that, or more just after a pause."""
    day_used: int
    day_limit: int
    day_resets_at: float
    """Unix time, seconds."""
    paused_for_s: float
    """0: not paused."""
    pause_reason: str
    faults_in_a_row: int
    """Of the vendor; the breaker opens at the rules' number."""
    breaker_rests_for_s: float
    """Until the open breaker lets one call try the vendor; 0: it is closed, or lets one now."""
    bulk_headroom: int
    """What bulk leaves of the minute now."""
    purposes_today: Mapping[str, int]
    """Calls of the day by purpose."""
    purposes_minute: Mapping[str, int]
    """Calls of the minute by purpose."""
    lanes_minute: Mapping[str, int]
    """Calls of the minute by lane."""
    waits_s: Mapping[str, float] = field(default_factory=dict)
    """By lane: how long the last of those who wait in a worker will wait."""


class Limiter(Protocol):
    """The account's limits, shared by all who call the vendor.

    Every method but the constructor raises Unavailable when the limits cannot be asked.
    """

    def admit(
        self, call: Call, *, patience_s: float = 0.0, my_turn: bool = False
    ) -> Granted | Refused:
        """Charge the call to all bounds, or to none and say which one refused.

        Who is refused with a wait of at most `patience_s` has a turn then, and asks again with
        `my_turn`; those who come later get later turns.
        """

    def closed(self, account: str, lane: Lane) -> Refused | None:
        """The pause, open breaker or spent day that lets none of the lane's calls out now."""

    def answered(self, permit: Permit) -> None:
        """The vendor has answered this call, so it has reached the vendor by now; never raises.

        A call counts for 60 s from the latest time at which it can have arrived: that makes room
        the sooner, the sooner it was answered. Told to the process that got the permit, soon.
        """

    def refund(self, permit: Permit) -> None:
        """Uncharge a call that never left; a second refund of the same permit does nothing."""

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> int | None:
        """The vendor told us to wait: refuse all calls of the account for so long, then let the
        speed come back over a minute; interactive calls may go out at once, one for each call that
        has left the minute since. A longer pause stays.

        `minute_spent`: the vendor says that the minute's calls are used up. When our own count had
        headroom then, somebody else uses the key: the ceiling is lowered, and returned.
        """

    def report(self, account: str, *, healthy: bool) -> bool:
        """How the vendor took a call. True when this opened the breaker."""

    def usage(self, account: str) -> Usage:
        """What is used and left."""
