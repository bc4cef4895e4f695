from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts import Lane
from worker.limiter import LimitRules

zones = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago"]
)
DAY_S = 86_400


def rules(hour: int = 0, zone: str = "UTC", **more: int) -> LimitRules:
    given = {"calls_per_minute": 500, "calls_per_day": 150_000} | more
    return LimitRules(**given, day_reset_hour=hour, day_reset_zone=ZoneInfo(zone))


@given(st.floats(1_600_000_000, 2_000_000_000), st.integers(0, 23), zones)
def test_the_resets_surround_now_and_follow_each_other(now: float, hour: int, zone: str) -> None:
    last, following, after = rules(hour, zone).resets_around(now)
    assert last <= now < following < after
    # A day with a change of the clock has 23 or 25 hours.
    assert all(abs(gap - DAY_S) <= 3600 for gap in (following - last, after - following))
    assert rules(hour, zone).resets_around(following)[:2] == (following, after)


@given(st.floats(1_600_000_000, 2_000_000_000), st.integers(4, 23), zones)
def test_a_reset_is_at_its_hour_by_its_zones_clock(now: float, hour: int, zone: str) -> None:
    for reset in rules(hour, zone).resets_around(now):
        at = datetime.fromtimestamp(reset, ZoneInfo(zone))
        assert (at.hour, at.minute, at.second) == (hour, 0, 0)


def test_only_bulk_leaves_a_reserve() -> None:
    given = rules(bulk_reserve_per_day=5_000)
    assert given.day_limit(Lane.INTERACTIVE) == 150_000
    assert given.day_limit(Lane.BULK) == 145_000


def test_after_a_pause_nobody_goes_beyond_a_limit_that_was_made_smaller_meanwhile() -> None:
    assert rules().post_pause_ceiling_at(2, ramp_from=1, count=480) == 480
    assert rules(calls_per_minute=100).post_pause_ceiling_at(2, ramp_from=1, count=480) == 100
    assert rules().post_pause_ceiling_at(1 + 61_000_000, ramp_from=1, count=480) == 0


def test_a_limit_is_never_negative() -> None:
    assert rules(bulk_reserve_per_day=200_000).day_limit(Lane.BULK) == 0
