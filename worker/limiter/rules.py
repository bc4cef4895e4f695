"""An account's limits, and how they tighten for bulk calls and after a vendor's errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from revio_jobs.contracts import Lane
from worker.limiter.day_resets import day_resets

_MICRO = 1_000_000
# A delay of an interactive call that nobody notices.
_PROMPT_S = 0.25
_REMEMBERED_S = 120


BREAKER_FAULTS = 10
"""Consecutive faults of the vendor at which the breaker opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRules:
    """The bounds of one account's calls."""

    calls_per_minute: int
    calls_per_day: int
    bulk_headroom_per_minute: int = 0
    """Maximum calls per minute reserved for interactive jobs. The reserve grows when interactive
    calls were delayed and shrinks, down to `min_reserve`, while they are not."""
    bulk_reserve_per_day: int = 0
    """Calls per day reserved for interactive jobs."""
    bulk_spread: bool = False
    """Whether bulk calls are spread evenly over the time to the day's reset, instead of going out
    as soon as the limits allow."""
    day_reset_hour: int = 0
    day_reset_zone: tzinfo = UTC
    window_margin_s: float = 1.0
    """The longest time from a permit to the call's arrival at the vendor. A call counts for 60 s
    from its latest possible arrival: this long after its permit, unless its answer proves that it
    arrived earlier."""
    bulk_burst: int | None = None
    """See `burst`. None for 2 % of the minute, about a second's worth, but at least eight calls."""
    recovery_s: float = 1200.0
    """A lowered ceiling climbs from nothing to the limit in this time."""
    breaker_faults: int = BREAKER_FAULTS
    """Consecutive faults of the vendor at which the breaker opens; 0 disables it."""
    breaker_probe_interval_s: float = 15.0
    """An open breaker lets one call through per interval, to probe the vendor."""
    account_probe_interval_s: float = 60.0
    """An account that the vendor refuses lets one call through per interval, to probe whether it is
    accepted again."""

    @property
    def window_s(self) -> float:
        """The longest time for which a call counts against the minute, in seconds."""
        return 60.0 + self.window_margin_s

    @property
    def burst(self) -> int:
        """Bulk calls that may go out at once to catch up on unused steps of the even pace."""
        return max(self.calls_per_minute // 50, 8) if self.bulk_burst is None else self.bulk_burst

    @property
    def min_reserve(self) -> int:
        """Calls per minute reserved for interactive jobs when none was delayed lately.

        Usually none: the next step of bulk's pace frees a place soon enough. One call where a step
        is so long that a person would notice.
        """
        step_s = 60 / self.calls_per_minute
        return min(self.bulk_headroom_per_minute, int(step_s > _PROMPT_S))

    def headroom_at(self, now: int, *, limit: int, delayed: int, delayed_at: int) -> int:
        """Calls of the minute that bulk leaves free: `min_reserve`, and one per delayed call.

        Under a lowered `limit` it leaves the same share. `delayed` and `delayed_at` as in
        `delayed_now`; times in microseconds.
        """
        delayed = self.delayed_now(now, delayed=delayed, delayed_at=delayed_at)
        headroom = min(self.bulk_headroom_per_minute, self.min_reserve + delayed)
        return headroom * limit // self.calls_per_minute

    def delayed_now(self, now: int, *, delayed: int, delayed_at: int) -> int:
        """Delayed interactive calls that still count, of `delayed` counted at `delayed_at`.

        One is forgotten per two minutes: slowly enough that a steady stream of interactive calls
        is hardly ever delayed. Times in microseconds.
        """
        return max(delayed - (now - delayed_at) // (_REMEMBERED_S * _MICRO), 0)

    def day_limit(self, lane: Lane) -> int:
        """Calls that this lane may bring the day's count to."""
        reserve = self.bulk_reserve_per_day if lane is Lane.BULK else 0
        return max(self.calls_per_day - reserve, 0)

    def limit_at(self, now: int, *, ramp_from: int, ceiling: int | None, ceiling_at: int) -> int:
        """Calls that the minute may hold now; times in microseconds.

        A lowered ceiling climbs back steadily, and the minute after a pause begins at a tenth of
        the speed. Interactive calls may exceed this, see `post_pause_ceiling_at`.
        """
        limit, window = self.calls_per_minute, round(self.window_s * _MICRO)
        if ceiling is not None:
            climbed = max(now - ceiling_at, 0) * limit // round(self.recovery_s * _MICRO)
            limit = min(limit, ceiling + climbed)
        if self._is_ramping(now, ramp_from):
            since = now - ramp_from
            limit = max(limit * (window + 9 * since) // (10 * window), 1)
        return limit

    def post_pause_ceiling_at(self, now: int, *, ramp_from: int, count: int) -> int:
        """What interactive calls may bring the minute to in the minute after a pause; else 0.

        `count` is what the minute held when the vendor paused us, and was evidently full with. So
        each of those calls that has left the minute since makes room for one, even beyond
        `limit_at`. Times in microseconds.
        """
        return min(count, self.calls_per_minute) if self._is_ramping(now, ramp_from) else 0

    def _is_ramping(self, now: int, ramp_from: int) -> bool:
        return ramp_from > 0 and 0 <= now - ramp_from < round(self.window_s * _MICRO)

    def resets_around(self, now: float) -> tuple[float, float, float]:
        """See `day_resets`."""
        return day_resets(now, self.day_reset_hour, self.day_reset_zone)
