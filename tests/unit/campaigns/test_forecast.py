from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.plan.forecast import BulkBudget, forecast, time_for
from campaigns.results.eta import eta, pace
from campaigns.run.spec import RunSpec, SendingHours
from campaigns.run.state import Phase, RunState, Status
from campaigns.store import RunView

NOW = 1_800_000_000.0
DAY_S = 86_400.0


def budget(**more: float) -> BulkBudget:
    known = {"per_minute": 500, "per_day": 145_000, "left_today": 145_000}
    fields = {**known, "day_resets_at": NOW + DAY_S, "now": NOW, **more}
    return BulkBudget(**fields)  # type: ignore[arg-type]


def test_a_change_is_a_call_and_is_read_before_and_after() -> None:
    found = forecast(1000, budget())
    assert (found.updates, found.reads, found.calls) == (1000, 10, 1010)
    assert found.seconds == pytest.approx(1010 / 500 * 60)
    assert found.share_of_day == pytest.approx(1010 / 145_000)


def test_what_does_not_fit_into_today_goes_on_after_the_reset() -> None:
    found = budget(left_today=500, day_resets_at=NOW + 3600)
    assert time_for(500, found) == 60
    assert time_for(1000, found) == 3600 + 60
    assert time_for(500 + 145_000 + 500, found) == 3600 + DAY_S + 60


def test_a_rate_of_its_own_makes_a_run_slower() -> None:
    assert time_for(100, budget(), rate=50) == 120
    assert time_for(100, budget(), rate=5000) == 12


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 145_000))
def test_more_calls_never_end_sooner(few: int, more: int, left: int) -> None:
    known = budget(left_today=left)
    assert time_for(few, known) <= time_for(few + more, known)


def view(
    pace_by_minute: dict[int, int], hours: SendingHours | None = None, **more: object
) -> RunView:
    spec = RunSpec("june-1", "default", "june", "d", 1000, (1000,), sending_hours=hours)
    state = RunState(
        spec, Status.RUNNING, "", None, 2, Phase.FEEDING, 0, 0, 0, counts={"applied": 400}
    )
    first = int(NOW // 60)
    return RunView(state, {first + at: count for at, count in pace_by_minute.items()}, **more)  # type: ignore[arg-type]


def test_the_end_is_judged_by_the_whole_minutes() -> None:
    steady = view({-4: 7, -3: 100, -2: 100, -1: 100, 0: 3})
    assert pace(steady, NOW) == 100
    found = eta(steady, budget())
    assert found
    assert found.seconds == found.soonest == found.latest == 360


def test_an_uneven_pace_makes_the_end_uncertain() -> None:
    found = eta(view({-4: 7, -3: 50, -2: 150, -1: 100}), budget())
    assert found
    assert found.soonest < found.seconds == 360 < found.latest


def test_what_has_ended_has_no_end_to_come() -> None:
    assert eta(view({}, has_ended=True), budget()) is None


def test_the_end_of_a_run_with_a_daily_window_counts_its_hours_alone() -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    closes = now.replace(minute=(now.minute + 2) % 60)
    hours = SendingHours(time(closes.hour - 1), time(closes.hour, closes.minute), "UTC")
    found = eta(view({-4: 7, -3: 100, -2: 100, -1: 100, 0: 3}, hours), budget())
    assert found
    # Six minutes of work: two before it closes, and four when it opens again.
    opens_in = hours.opens_in(NOW + 120)
    assert found.seconds == pytest.approx(120 + opens_in + 240)
    shut = SendingHours(time(closes.hour + 1), time(closes.hour + 2), "UTC")
    waiting = view({-4: 7, -3: 0, -2: 0, -1: 0}, shut)
    assert pace(waiting, NOW) is None
    found = eta(waiting, budget())
    assert found
    assert found.seconds == pytest.approx(shut.opens_in(NOW) + 600 / 500 * 60)
