"""What an account may call, and how its day is cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from revio_jobs.contracts import Lane


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The bounds of one account's calls."""

    calls_per_minute: int
    calls_per_day: int
    bulk_headroom_per_minute: int = 0
    """Calls of any minute that bulk leaves to interactive."""
    bulk_reserve_per_day: int = 0
    """Calls of the day that bulk leaves to interactive."""
    day_reset_hour: int = 0
    day_reset_zone: tzinfo = UTC
    window_margin_s: float = 1.0
    """How much the way to the vendor may differ between two calls: the minute is kept this much
    longer than 60 s, so that the vendor, too, never counts more than the limit."""

    @property
    def window_s(self) -> float:
        """The length of the sliding minute as we keep it, in seconds."""
        return 60.0 + self.window_margin_s

    def minute_limit(self, lane: Lane) -> int:
        """Calls that this lane may bring the minute's count to."""
        headroom = self.bulk_headroom_per_minute if lane is Lane.BULK else 0
        return max(self.calls_per_minute - headroom, 0)

    def day_limit(self, lane: Lane) -> int:
        """Calls that this lane may bring the day's count to."""
        reserve = self.bulk_reserve_per_day if lane is Lane.BULK else 0
        return max(self.calls_per_day - reserve, 0)

    def resets_around(self, now: float) -> tuple[float, float, float]:
        """The last reset of the day's count and the next two, as Unix times.

        The second next is there for a caller whose idea of `now` is a little behind Redis's.
        """
        today = datetime.fromtimestamp(now, self.day_reset_zone).date()
        resets = sorted(
            datetime.combine(
                today + timedelta(days=days), time(self.day_reset_hour), self.day_reset_zone
            ).timestamp()
            for days in (-1, 0, 1, 2)
        )
        last = max(index for index, reset in enumerate(resets) if reset <= now)
        return resets[last], resets[last + 1], resets[last + 2]
