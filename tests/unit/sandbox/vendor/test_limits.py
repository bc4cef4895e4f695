from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sandbox.vendor.limits import MINUTE, ApiGateway, SlidingCount, quota_spent

KEY = "key"


def gateway(clock: Callable[[], float], *, minute: int = 0, day: int = 0) -> ApiGateway:
    return ApiGateway(subscription_key=KEY, calls_per_minute=minute, calls_per_day=day, clock=clock)


@given(
    gaps=st.lists(st.sampled_from([0.0, 0.25, 1.0, 7.0, 29.5, 30.0, 60.0, 61.0]), max_size=80),
    limit=st.integers(1, 8),
)
def test_no_sixty_seconds_see_more_than_the_limit_and_none_is_refused_without_need(
    gaps: list[float], limit: int
) -> None:
    now = 0.0
    limited = gateway(lambda: now, minute=limit)
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        recent = sum(time > now - MINUTE for time in admitted)
        denial = limited.admit(KEY)
        assert (denial is None) == (recent < limit)
        if denial is None:
            admitted.append(now)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40))
def test_the_peak_is_the_largest_number_in_any_window(times: list[float]) -> None:
    times.sort()
    counted = SlidingCount(MINUTE)
    for time in times:
        counted.add(time)
    assert counted.peak == max(sum(end - MINUTE < time <= end for time in times) for end in times)


def test_a_call_after_the_wait_that_was_told_is_let_through() -> None:
    now = 0.0
    limited = gateway(lambda: now, minute=3)
    for gap in (0.0, 10.0, 10.5):
        now += gap
        assert limited.admit(KEY) is None
    denial = limited.admit(KEY)
    assert denial
    assert (denial.status, denial.retry_after) == (429, 40)
    now += denial.retry_after or 0
    assert limited.admit(KEY) is None


def test_a_lowered_limit_tells_the_wait_until_enough_has_left_the_window() -> None:
    now = 0.0
    limited = gateway(lambda: now, minute=4)
    for gap in (0.0, 10.0, 10.0, 10.0):
        now += gap
        limited.admit(KEY)
    limited.calls_per_minute = 2
    denial = limited.admit(KEY)
    assert denial
    assert denial.retry_after == 50


def test_a_spent_day_is_told_in_the_gateways_words_and_renewed() -> None:
    now = 0.0
    limited = gateway(lambda: now, day=2)
    limited.consume(2)
    now = 86_400 - 3_723.0
    denial = limited.admit(KEY)
    assert denial == quota_spent(3_723)
    answer = denial.answer()
    assert (answer.status, dict(answer.headers)) == (403, {"Retry-After": "3723"})
    assert json.loads(answer.body)["message"] == (
        "Out of call volume quota. Quota will be replenished in 01:02:03."
    )
    now = 86_400.0
    assert limited.admit(KEY) is None


def test_without_the_right_key_nothing_is_used_up() -> None:
    limited = gateway(lambda: 0.0, minute=1)
    for key in (None, "", "wrong"):
        denial = limited.admit(key)
        assert denial
        assert denial.status == 401
    assert limited.state()["minute_used"] == 0
