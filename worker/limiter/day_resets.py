"""When the day's count of calls is reset."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

_DAYS_AROUND = (-1, 0, 1, 2)
TOLERANCE_S = 120.0


def day_resets(now: float, hour: int, zone: tzinfo) -> tuple[float, float, float]:
    """The last reset at that hour of the zone's clock and the next two; all are Unix times.

    The second next is there for a caller whose idea of `now` is a little behind Redis's.
    """
    today = datetime.fromtimestamp(now, zone).date()
    resets = sorted(
        datetime.combine(today + timedelta(days=days), time(hour), zone).timestamp()
        for days in _DAYS_AROUND
    )
    last = max(index for index, reset in enumerate(resets) if reset <= now)
    return resets[last], resets[last + 1], resets[last + 2]


def reset_hour(at: float) -> int | None:
    """The hour, by UTC, of a reset that was seen at this Unix time; None if it is not a whole one.

    The vendor's Retry-After has whole seconds, and some time has passed when we read it.
    """
    hours, beside_s = divmod(at + TOLERANCE_S, 3600.0)
    return int(hours % 24) if beside_s <= 2 * TOLERANCE_S else None
