"""When a run begins, and what a second `apply` may ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from campaigns.business_time import BusinessTime
from campaigns.errors import CampaignError, NotAllowedError
from campaigns.plan.plan_file import Header, Plan
from campaigns.plan.summary import Summary
from campaigns.run.request import AT_ONCE, RunRequest, check_request, check_same
from campaigns.run.spec import RunSpec, SendingHours
from campaigns.run.state import Phase, RunState, Status
from campaigns.start import begins_in_words, parse_canary, start_at
from campaigns.terms import HaltRules, Terms

TERMS = Terms("default", "v", zone="America/New_York")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
HOUR = 3600


def plan(effective: str | None, kind: str = "plan") -> Plan:
    header = Header("june", "default", "v", "ann", "", kind=kind, effective=effective)
    return Plan(Path("june.plan"), header, Summary(), "d" * 64)


def begins(effective: str | None = None, kind: str = "plan", at: float | None = None) -> float:
    return start_at(plan(effective, kind), TERMS, RunRequest("ann", start_at=at), NOW)


def test_a_run_begins_on_the_plans_effective_date_unless_its_start_is_given() -> None:
    fourth = datetime(2026, 6, 4, 4, tzinfo=UTC).timestamp()
    assert begins("2026-06-04") == fourth
    assert begins("2026-06-04", at=NOW + HOUR) == NOW + HOUR
    assert begins("2026-06-04", at=AT_ONCE) == AT_ONCE
    assert begins() == AT_ONCE


def test_stages_say_that_all_other_rows_follow() -> None:
    assert parse_canary("25, 500,rest") == (25, 500)
    assert parse_canary("rest") == ()
    for text in ("25", "25,500", ""):
        with pytest.raises(CampaignError, match="end the stages with rest"):
            parse_canary(text)
    for text in ("0,rest", "1,000,rest", "ten,rest", "rest,25"):
        with pytest.raises(CampaignError, match=r"give sizes of stages|end the stages"):
            parse_canary(text)


def test_a_run_that_is_effective_today_or_retries_begins_at_once() -> None:
    assert begins("2026-06-01") == AT_ONCE
    assert begins("2026-05-01", kind="retry") == AT_ONCE
    assert begins("2026-05-01", at=AT_ONCE) == AT_ONCE


@pytest.mark.parametrize(
    ("effective", "at", "told"),
    [
        (None, NOW - 1, r"2026-06-01 07:59 EDT \(11:59 UTC\) has passed; it is 2026-06-01 08:00"),
        ("2026-05-31", None, "from 2026-05-31, which has passed: --start now"),
        ("2026-07-01", NOW - HOUR, "has passed"),
    ],
)
def test_a_start_in_the_past_is_refused(effective: str | None, at: float | None, told: str) -> None:
    with pytest.raises(NotAllowedError, match=told):
        begins(effective, at=at)


def test_a_plan_says_when_it_would_begin() -> None:
    assert "2026-06-04 00:00 EDT" in begins_in_words(plan("2026-06-04"), TERMS, NOW)
    assert "at once" in begins_in_words(plan("2026-06-01"), TERMS, NOW)
    assert "has passed" in begins_in_words(plan("2026-05-01"), TERMS, NOW)
    assert not begins_in_words(plan(None), TERMS, NOW)


STATE = RunState(
    RunSpec("june-1", "default", "june", "d", 100, (25, 100), start_at=NOW + HOUR),
    Status.RUNNING,
    "",
    300.0,
    2,
    Phase.FEEDING,
    0,
    0,
    0,
)
HOURS = SendingHours(time(22), time(6), "America/New_York")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"canary": (25,), "rate": 300.0, "priority": "normal", "start_at": NOW + HOUR},
        {"canary": (25, 500), "halt": HaltRules()},
    ],
)
def test_the_same_order_again_attaches_to_the_run(asked: dict[str, Any]) -> None:
    check_same(RunRequest("ann", **asked), STATE, TERMS.time)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"canary": ()}, "stages that end at 25"),
        ({"halt": HaltRules(1)}, "halts at 5 % errors, 10 % drift"),
        ({"start_at": AT_ONCE}, "its start at 2026-06-01 09:00 EDT"),
        ({"sending_hours": HOURS}, "no daily window"),
        ({"rate": 200.0}, "a rate of 300"),
        ({"priority": "high"}, "priority normal"),
    ],
)
def test_another_order_for_a_run_is_refused_with_what_holds(
    asked: dict[str, Any], holds: str
) -> None:
    with pytest.raises(NotAllowedError, match=holds):
        check_same(RunRequest("ann", **asked), STATE, TERMS.time)


def test_what_holds_is_also_told_of_a_run_without_limits() -> None:
    spec = replace(STATE.spec, stages=(100,), start_at=0.0, sending_hours=HOURS)
    state = replace(STATE, spec=spec, rate=None)
    asked = RunRequest(
        "ann",
        canary=(5,),
        start_at=NOW,
        rate=1,
        sending_hours=SendingHours(time(1), time(2), "UTC"),
    )
    with pytest.raises(
        NotAllowedError,
        match="one stage of all rows, a start at once, the window 22:00-06:00 America/New_York, "
        "no rate of its own",
    ):
        check_same(asked, state, BusinessTime())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"rate": float("nan")}, "a rate of nan"),
        ({"rate": float("inf")}, "a rate of inf"),
        ({"rate": 0.01}, "0.1 at least"),
        ({"priority": "urgent"}, "priority is one of low, normal, high"),
        ({"canary": (5, -3)}, "each has 1 row at least"),
        ({"halt": HaltRules(errors_percent=float("nan"))}, "nan % of failed rows"),
        ({"halt": HaltRules(drift_percent=101)}, "101 % of drifted rows"),
        ({"halt": HaltRules(after=0)}, "after 0 rows"),
        ({"halt": HaltRules(differences=-1)}, "-1 differences"),
        ({"sending_hours": SendingHours(time(22), time(22), "UTC")}, "has no length"),
        ({"sending_hours": SendingHours(time(22, 0, 30), time(6), "UTC")}, "22:00:30"),
        ({"sending_hours": SendingHours(time(22, tzinfo=UTC), time(6), "UTC")}, r"22:00:00\+00:00"),
    ],
)
def test_what_a_run_cannot_keep_to_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAllowedError, match=told):
        check_request(RunRequest("ann", **asked))


def test_a_run_whose_start_is_outside_its_window_begins_when_that_opens() -> None:
    spec = replace(STATE.spec, start_at=NOW + HOUR, sending_hours=HOURS)
    assert spec.opens_at(NOW) == pytest.approx(NOW + 14 * HOUR, abs=1)
    assert "2026-06-02 02:00 UTC" in spec.not_yet(NOW)


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-06-01T23:00-04:00", 0, 7 * HOUR),
        ("2026-06-01T21:00-04:00", HOUR, 0),
        # The night in which the clocks go forward has an hour less, the other one an hour more.
        ("2026-03-07T22:00-05:00", 0, 7 * HOUR),
        ("2026-10-31T22:00-04:00", 0, 9 * HOUR),
    ],
)
def test_a_window_is_of_the_hours_that_clocks_show(at: str, opens: float, closes: float) -> None:
    now = datetime.fromisoformat(at).timestamp()
    assert (HOURS.opens_in(now), HOURS.closes_in(now)) == pytest.approx((opens, closes), abs=1)
