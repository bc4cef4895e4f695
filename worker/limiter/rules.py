"""What an account may call, how its day is cut, and how bulk and bad news slow it down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from revio_jobs.contracts import Lane

_DAYS_AROUND = (-1, 0, 1, 2)
_MICRO = 1_000_000
# Nobody notices that an interactive call waits so long.
_PROMPT_S = 0.25
_REMEMBERED_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRules:
    """The bounds of one account's calls."""

    calls_per_minute: int
    calls_per_day: int
    bulk_headroom_per_minute: int = 0
    """Calls of a minute that bulk leaves to interactive at most: so many while interactive calls
    miss them, and fewer, down to `least_headroom`, while they do not."""
    bulk_reserve_per_day: int = 0
    """Calls of the day that bulk leaves to interactive."""
    bulk_spread: bool = False
    """True: bulk's calls are spread evenly over the time to the reset; False: as soon as may be."""
    day_reset_hour: int = 0
    day_reset_zone: tzinfo = UTC
    window_margin_s: float = 1.0
    """A call reaches the vendor at most so long after its permit. The vendor may count it from then
    on, so it fills its place in the minute for so much longer than 60 s, unless its answer proves
    that it had arrived earlier."""
    bulk_burst: int | None = None
    """As `burst`; None: 2 % of the minute, which is a second or so, and eight calls at least."""
    recovery_s: float = 1200.0
    """A ceiling that was lowered climbs from nothing to the limit in so long."""
    breaker_faults: int = 10
    """After so many faults in a row the vendor counts as down; 0: never."""
    breaker_rest_s: float = 15.0
    """Then one call is tried after each such rest."""

    @property
    def window_s(self) -> float:
        """How long a call fills its place in the minute at most, in seconds."""
        return 60.0 + self.window_margin_s

    @property
    def burst(self) -> int:
        """Bulk fills what interactive leaves of an even pace; so many calls may make up for turns
        that were missed.
        """
        return max(self.calls_per_minute // 50, 8) if self.bulk_burst is None else self.bulk_burst

    @property
    def least_headroom(self) -> int:
        """What bulk leaves of a minute when no interactive call has missed more for long: nothing,
        as a place becomes free with each step of the pace; one call where such a step is long.
        """
        step_s = 60 / self.calls_per_minute
        return min(self.bulk_headroom_per_minute, int(step_s > _PROMPT_S))

    def headroom_at(self, now: int, *, limit: int, missed: int, missed_at: int) -> int:
        """Calls of the minute that bulk leaves now: one more for each that was `missed`, and of a
        lowered `limit` the same share.
        """
        missed = self.missed_at(now, missed=missed, missed_at=missed_at)
        headroom = min(self.bulk_headroom_per_minute, self.least_headroom + missed)
        return headroom * limit // self.calls_per_minute

    def missed_at(self, now: int, *, missed: int, missed_at: int) -> int:
        """Interactive calls that had to wait, of which one is forgotten each two minutes, so that
        hardly any has to while they keep coming; microseconds.
        """
        return max(missed - (now - missed_at) // (_REMEMBERED_S * _MICRO), 0)

    def day_limit(self, lane: Lane) -> int:
        """Calls that this lane may bring the day's count to."""
        reserve = self.bulk_reserve_per_day if lane is Lane.BULK else 0
        return max(self.calls_per_day - reserve, 0)

    def limit_at(self, now: int, *, ramp_from: int, ceiling: int | None, ceiling_at: int) -> int:
        """Calls that the minute may hold now; times in microseconds.

        A lowered ceiling climbs steadily; after a pause the speed comes back over a minute. Then
        interactive calls may go further, see `level_at`.
        """
        limit, window = self.calls_per_minute, round(self.window_s * _MICRO)
        if ceiling is not None:
            climbed = max(now - ceiling_at, 0) * limit // round(self.recovery_s * _MICRO)
            limit = min(limit, ceiling + climbed)
        if self._is_ramping(now, ramp_from):
            since = now - ramp_from
            limit = max(limit * (window + 9 * since) // (10 * window), 1)
        return limit

    def level_at(self, now: int, *, ramp_from: int, level: int) -> int:
        """What interactive calls may bring the minute to, even beyond `limit_at`, while the speed
        comes back: what it held when the vendor paused us (`level`), so that each call that has
        left the minute since makes room for one. 0 at other times; microseconds.
        """
        return min(level, self.calls_per_minute) if self._is_ramping(now, ramp_from) else 0

    def _is_ramping(self, now: int, ramp_from: int) -> bool:
        return ramp_from > 0 and 0 <= now - ramp_from < round(self.window_s * _MICRO)

    def resets_around(self, now: float) -> tuple[float, float, float]:
        """The last reset of the day's count and the next two, as Unix times.

        The second next is there for a caller whose idea of `now` is a little behind Redis's.
        """
        today = datetime.fromtimestamp(now, self.day_reset_zone).date()
        resets = sorted(
            datetime.combine(
                today + timedelta(days=days), time(self.day_reset_hour), self.day_reset_zone
            ).timestamp()
            for days in _DAYS_AROUND
        )
        last = max(index for index, reset in enumerate(resets) if reset <= now)
        return resets[last], resets[last + 1], resets[last + 2]
