"""A campaign's job at the worker: asked for at the gate, and read again only when it is stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from campaigns.guard_rails.rails import Rails
from campaigns.run.send_check import CampaignSendCheck, SendRules
from campaigns.run.spec import SendingHours, Timetable
from revio_jobs.errors import Unavailable
from tasks.decision import Decision, Done

RUN = "june-1a2b"
OPEN = SendRules("running", is_open=True)


@dataclass
class Runs:
    """Implements the RunRulesSource port."""

    gates: dict[str, SendRules] = field(default_factory=lambda: {RUN: OPEN})
    is_away: bool = False

    def send_rules(self, account: str, run: str) -> SendRules | None:
        if self.is_away:
            raise Unavailable("Redis is away")
        return self.gates.get(run)


@dataclass
class Lane:
    """Implements the BulkLane port."""

    reason: str = ""

    def pause_reason(self, account: str) -> str:
        return self.reason

    closure_reason = pause_reason


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
def world(make_world: Callable[..., Any], runs: Runs, lane: Lane) -> Any:
    made = make_world()
    rails = Rails.parse(["cap=block:100", "zero=override", "billed=block"])
    gate = CampaignSendCheck(runs, lane, rails, lambda: made.clock.now)
    targets = made.handler._targets
    targets["default"] = replace(targets["default"], send_check=gate, fresh_s=60.0)
    made.vendor.products[1] = {
        "customer_product_id": 1,
        "rate": "10.00",
        "cost": None,
        "quantity": 1,
        "billed_through_date": None,
    }
    return made


def submit(world: Any, *, read_at: float | None = None, rate: str = "12.50", **more: Any) -> None:
    seen = {"run": RUN, "rate": "10.00", "quantity": 1, "read_at": read_at, **more}
    world.submit("k", rate=rate, expected={"rate": "10.00"}, campaign=seen)


def error_of(step: Decision | None) -> Any:
    assert isinstance(step, Done), step
    return step.error


def test_what_was_just_read_is_not_read_again(world: Any) -> None:
    submit(world, read_at=world.clock.now - 59)
    world.deliver("k")
    assert world.purposes() == ["update"]


@pytest.mark.parametrize("age_s", [61, None])
def test_a_stale_reading_is_made_again(world: Any, age_s: float | None) -> None:
    world.vendor.products[1]["rate"] = "11.00"
    submit(world, read_at=None if age_s is None else world.clock.now - age_s)
    step = world.deliver("k")
    assert isinstance(step, Done)
    assert step.outcome["ok"]["outcome"] == "drifted"
    assert world.purposes() == ["verify"]


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (SendRules("paused", is_open=False), "paused"),
        (SendRules("cancelled", is_open=False), "cancelled"),
        (None, "no campaign"),
    ],
)
def test_a_job_of_a_run_that_does_not_go_on_is_withdrawn_before_any_call(
    world: Any, runs: Runs, gate: SendRules | None, told: str
) -> None:
    runs.gates = {RUN: gate} if gate else {}
    submit(world, read_at=world.clock.now)
    error = error_of(world.deliver("k"))
    assert type(error).__name__ == "Withdrawn"
    assert told in str(error)
    assert not world.vendor.calls


def test_a_job_that_a_worker_had_when_the_lane_was_paused_is_withdrawn(
    world: Any, lane: Lane
) -> None:
    lane.reason = "the bulk lane is paused by ann: wrong list"
    submit(world, read_at=world.clock.now)
    assert str(error_of(world.deliver("k"))) == lane.reason
    assert not world.vendor.calls


NIGHT = Timetable(sending_hours=SendingHours(time(22), time(6), "UTC"))


@pytest.mark.parametrize(
    ("timetable", "at", "calls"),
    [
        (NIGHT, time(5, 59, 59), ["update"]),
        (NIGHT, time(6), []),
        (NIGHT, time(21, 59, 50), []),
        (NIGHT, time(21, 59, 58), ["update"]),  # the feeder's clock is a little ahead
        (Timetable(datetime(2026, 6, 2, 22, tzinfo=UTC).timestamp()), time(23), []),
        (Timetable(datetime(2026, 6, 1, 22, tzinfo=UTC).timestamp()), time(23), ["update"]),
    ],
)
def test_a_job_that_has_waited_beyond_its_runs_hours_or_before_a_moved_start_is_withdrawn(
    world: Any, runs: Runs, timetable: Timetable, at: time, calls: list[str]
) -> None:
    runs.gates[RUN] = replace(OPEN, timetable=timetable)
    world.clock.now = datetime.combine(date(2026, 6, 1), at, UTC).timestamp()
    submit(world, read_at=world.clock.now)
    error = error_of(world.deliver("k"))
    assert world.purposes() == calls
    assert calls or "its time begins at 2026-06-0" in str(error)


@pytest.mark.parametrize(
    ("gate", "more", "rails"),
    [
        (OPEN, {"rate": "100.01"}, ["cap"]),
        (OPEN, {"rate": "0"}, ["zero"]),
        (replace(OPEN, overrides=frozenset({"zero"})), {"rate": "0"}, None),
        (replace(OPEN, overrides=frozenset({"cap"})), {"rate": "100.01"}, ["cap"]),
        (replace(OPEN, rails=Rails.parse(["change=block:10"])), {}, ["change"]),
        (OPEN, {"billed_through_date": "2026-06-30"}, None),
        (
            replace(OPEN, effective=date(2026, 6, 1)),
            {"billed_through_date": "2026-06-30"},
            ["billed"],
        ),
    ],
)
def test_a_plan_carries_no_row_past_the_workers_guard_rails(
    world: Any, runs: Runs, gate: SendRules, more: dict[str, Any], rails: list[str] | None
) -> None:
    runs.gates[RUN] = gate
    submit(world, read_at=world.clock.now, **more)
    error = error_of(world.deliver("k"))
    assert getattr(error, "rails", None) == rails
    assert world.purposes() == ([] if rails else ["update"])


def test_rails_judge_what_was_read_last(world: Any, runs: Runs) -> None:
    runs.gates[RUN] = replace(OPEN, effective=date(2026, 6, 1))
    world.vendor.products[1]["billed_through_date"] = "2026-06-30"
    submit(world, read_at=None)
    assert error_of(world.deliver("k")).rails == ["billed"]


def test_without_redis_nothing_is_sent(world: Any, runs: Runs) -> None:
    runs.is_away = True
    submit(world, read_at=world.clock.now)
    assert not isinstance(world.deliver("k"), Done)
    assert not world.vendor.calls


def test_other_jobs_know_of_no_campaign(world: Any, runs: Runs) -> None:
    runs.is_away = True
    world.submit("k", rate="500")
    assert error_of(world.deliver("k")) is None


def test_rails_of_prices_judge_a_price_that_is_emptied(world: Any) -> None:
    seen = {"run": RUN, "rate": "10.00", "quantity": 1, "read_at": world.clock.now}
    world.submit("k", clear=["rate"], expected={"rate": "10.00"}, campaign=seen)
    error = error_of(world.deliver("k"))
    assert "rate becomes empty" in str(error)
    assert world.purposes() == []
