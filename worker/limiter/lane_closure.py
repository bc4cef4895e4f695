"""Why a lane is closed: decided and worded once, for workers, campaigns and operators."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from revio_jobs.contracts import Lane
from worker.limiter.lane_pauses import LanePauses, Pause
from worker.limiter.port import AccountLane, Bound, Limiter, Refused

# A wait of at most this long is spent in the worker, where the call is made: it closes no lane.
_SHORT_WAIT_S = 3.0
# Opening times are rounded up to these steps, so that the words stay the same during the wait.
_OPENS_STEP_S = 5


@dataclass(frozen=True, slots=True)
class LaneClosure:
    """Why no job of the lane is started now."""

    lane: Lane
    reason: str
    opens_at: float | None = None
    """Unix time, seconds; None if it opens when an operator resumes the lane."""
    pause: Pause | None = None
    """The operator's pause, if that is what closes the lane."""
    bound: Bound | None = None
    """The limit, if one closes the lane."""

    @property
    def is_refused(self) -> bool:
        """Whether the vendor refuses the account: somebody has to correct its login, key or
        address.
        """
        return self.bound is Bound.ACCOUNT

    def __str__(self) -> str:
        return self.in_words(_in_utc)

    def in_words(self, show: Callable[[float], str], step_s: int = _OPENS_STEP_S) -> str:
        """Why, since when or until when.

        `show`: words a Unix time; `step_s`: the seconds to whose multiples the end is rounded up.
        """
        if self.pause:
            return _paused(self.lane, self.pause, show)
        if self.opens_at is None:
            return self.reason
        opens = math.ceil(self.opens_at / step_s) * step_s
        return f"{self.reason}: no calls before {show(opens)}"


class LaneClosures:
    """Reads operators' pauses and the account's limits. Every method raises Unavailable."""

    def __init__(
        self, pauses: LanePauses, limiter: Limiter, clock: Callable[[], float] = time.time
    ) -> None:
        self._pauses = pauses
        self._limiter = limiter
        self._clock = clock

    def paused(self, account: str, lane: Lane) -> LaneClosure | None:
        """The operator's pause alone."""
        pause = self._pauses.get(account, lane)
        return _closed_by(lane, pause) if pause else None

    def closed(self, account: str, lane: Lane) -> LaneClosure | None:
        """The pause, or the limit that lets no call out for longer than a job waits in a worker."""
        if paused := self.paused(account, lane):
            return paused
        return self._limited(account, lane, self._limiter.closed(account, lane))

    def among(
        self, lanes: Iterable[AccountLane], used: Collection[AccountLane]
    ) -> dict[AccountLane, LaneClosure]:
        """The closures of `lanes` that operators have paused, and of the `used` ones that a limit
        closes. The cost grows with `used`.
        """
        pauses = self._pauses.among(list(lanes))
        refusals = self._limiter.closed_among(
            [account_lane for account_lane in used if account_lane not in pauses]
        )
        limited = {
            account_lane: closure
            for account_lane, refused in refusals.items()
            if (closure := self._limited(*account_lane, refused))
        }
        return limited | {
            account_lane: _closed_by(account_lane[1], pause)
            for account_lane, pause in pauses.items()
        }

    def _limited(self, account: str, lane: Lane, refused: Refused | None) -> LaneClosure | None:
        if refused is None or refused.wait_s <= _SHORT_WAIT_S:
            return None
        reason = self._reason(account, lane, refused)
        opens_at = self._clock() + refused.wait_s
        return LaneClosure(lane, reason, opens_at, bound=refused.bound)

    def _reason(self, account: str, lane: Lane, refused: Refused) -> str:
        match refused.bound:
            case Bound.PAUSE:
                given = self._limiter.usage(account).pause_reason
                return f"the vendor has asked for a pause{given and f' ({given})'}"
            case Bound.ACCOUNT:
                return f"the vendor refuses the account ({refused.reason})"
            case Bound.BREAKER:
                return "the vendor fails call by call"
            case Bound.DAY:
                return f"the day's calls for {lane.value} jobs are spent"
            case bound:
                return f"no call is free ({bound.value})"


def _closed_by(lane: Lane, pause: Pause) -> LaneClosure:
    return LaneClosure(lane, _paused(lane, pause, _in_utc), pause=pause)


def _paused(lane: Lane, pause: Pause, show: Callable[[float], str]) -> str:
    since = show(pause.since.timestamp())
    return f"the {lane.value} lane is paused by {pause.by} since {since}: {pause.reason}"


def _in_utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
