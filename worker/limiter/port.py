"""The limiter's port: one atomic decision per question, without any waiting."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit

AccountLane = tuple[str, Lane]
"""A lane of an account."""


class Bound(StrEnum):
    """What can refuse a call."""

    PAUSE = "pause"
    ACCOUNT = "account"
    """The vendor refuses the account's login, key or address."""
    BREAKER = "breaker"
    DAY = "day"
    MINUTE = "minute"
    PACE = "pace"
    TURN = "turn"
    """Somebody who came earlier waits for the next call, or somebody interactive does."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The call may go out now."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not go out yet."""

    bound: Bound
    wait_s: float
    """Seconds until it is worth asking again."""
    reason: str = ""
    """The vendor's refusal, for Bound.ACCOUNT."""


class HealthChange(StrEnum):
    """What a call's result has changed for the account."""

    BREAKER_OPENED = "breaker opened"
    ACCOUNT_OPENED = "account opened"


@dataclass(frozen=True, slots=True)
class Usage:
    """One account's calls, as counted now."""

    minute_used: int
    minute_limit: int
    minute_ceiling: int
    """What may be used of the limit now: less while others use the key or after a pause."""
    interactive_ceiling: int
    """What interactive calls may bring the minute to; more than that just after a pause."""
    day_used: int
    day_limit: int
    day_resets_at: float
    """Unix time, seconds."""
    paused_for_s: float
    """0: not paused."""
    pause_reason: str
    faults_in_a_row: int
    """Consecutive faults of the vendor; see LimitRules.breaker_faults."""
    breaker_rests_for_s: float
    """Seconds until the open breaker lets a call probe the vendor; 0 if closed or due now."""
    closed_reason: str
    """Why the vendor refuses the account; "" if it does not."""
    closed_at: float | None
    """Since when; Unix time, seconds."""
    bulk_headroom: int
    """Calls of the minute that bulk leaves free now."""
    purposes_today: Mapping[str, int]
    """Calls of the day by purpose."""
    sources_today: Mapping[str, int]
    """Calls of the day by the service that submitted the job, of those that are known."""
    purposes_minute: Mapping[str, int]
    """Calls of the minute by purpose."""
    lanes_minute: Mapping[str, int]
    """Calls of the minute by lane."""
    waits_s: Mapping[str, float] = field(default_factory=dict)
    """By lane: seconds until the last slot that is reserved for a waiting call."""


class Limiter(Protocol):
    """The accounts' limits, shared by all processes that call the vendor.

    Every method but `answered` raises Unavailable if the limits cannot be asked.
    """

    def admit(
        self, call: Call, *, patience_s: float = 0.0, in_slot: bool = False
    ) -> Granted | Refused:
        """Charge the call to all bounds, or to none and name the one that refused.

        A caller that is refused with a wait of at most `patience_s` gets the slot at that time and
        asks again then, with `in_slot`, instead of polling. Later callers get later slots.
        """

    def closed(self, account: str, lane: Lane) -> Refused | None:
        """What keeps all calls of the lane back: a pause, a closed account, the open breaker or a
        spent day.
        """

    def closed_among(self, lanes: Collection[AccountLane]) -> dict[AccountLane, Refused]:
        """As `closed`, of those lanes of any accounts that are closed."""

    def answered(self, permit: Permit) -> None:
        """The vendor has answered this call, so it has arrived by now. Never raises.

        A call counts for 60 s from its latest possible arrival, so the earlier it was answered, the
        earlier it makes room. To be called soon, in the process that got the permit.
        """

    def refund(self, permit: Permit) -> None:
        """Uncharge a call that never left; a second refund of the same permit does nothing."""

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> int | None:
        """Refuse all calls of the account for this long, because the vendor told us to wait.

        Afterwards the speed comes back over a minute; interactive calls may go out at once, one per
        call that has left the minute since. A longer pause that is already in force stays.

        `minute_spent`: the vendor said that the minute's calls are used up. If our own count was
        well below the limit, somebody else uses the key: the ceiling is lowered and returned.
        """

    def close(self, account: str, reason: str) -> bool:
        """The vendor refuses the account: let no calls out but one probe per interval.

        The healthy answer to a probe opens it again. Returns False if it was closed already.
        """

    def reopen(self, account: str) -> bool:
        """Open a closed account, because somebody has corrected it. False if it was open."""

    def report(self, account: str, *, healthy: bool) -> HealthChange | None:
        """Count a healthy answer or a fault. Returns what that has changed, if anything."""

    def usage(self, account: str) -> Usage:
        """The account's calls as counted now."""
