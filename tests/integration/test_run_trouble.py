"""What a run meets on its way: readings that are odd, steps that fail, clocks that are set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.state import RunStep, Status
from revio_jobs import errors
from revio_jobs.contracts import CustomerProductRecord
from sandbox.local.embedded_redis import EmbeddedRedis
from tests.integration import feeder_world
from tests.integration.feeder_world import RUN, World


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


def set_rate(world: World, rate: float) -> None:
    settings = {"rate": repr(rate)}
    world.store.decide(RUN, "set", by="b", reason="", possible=list(Status), settings=settings)


def test_a_rate_given_in_mid_run_holds_from_then_on(redis: Redis) -> None:
    world = World(redis, 400)
    world.start(400)
    for _ in range(20):
        world.round()
    before = sum(world.vendor.executions.values())
    assert before >= 200
    set_rate(world, 60)
    began = world.now
    while world.now < began + 20:
        world.round()
    assert 18 <= sum(world.vendor.executions.values()) - before <= 24


def test_a_product_with_a_date_that_no_job_holds_is_changed_as_planned(redis: Redis) -> None:
    world = World(redis, 5)
    odd: Any = {"billed_through_date": "1899-12-30"}
    as_read = world.vendor.record

    def record(one: int) -> CustomerProductRecord:
        return {**as_read(one), **odd} if one == 5002 else as_read(one)

    world.vendor.record = record  # type: ignore[method-assign]
    world.start(5)
    assert world.until_it_stops().counts == {"applied": 5}


def test_a_row_that_makes_no_job_fails_alone(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    world, planned = World(redis, 5), feeder_world.plan_row

    def row(at: int) -> PlannedRow:
        return replace(planned(at), after={"rate": "1.123456"}) if at == 2 else planned(at)

    monkeypatch.setattr(feeder_world, "plan_row", row)
    world.start(5)
    assert world.until_it_stops().counts == {"applied": 4, "failed": 1}
    assert world.store.details(RUN, [2])[2]["error"] == "InvalidJob"


def test_a_step_that_fails_is_told_and_costs_few_calls_until_it_succeeds(redis: Redis) -> None:
    world = World(redis, 60)
    world.start(60)

    def fails(_jobs: object) -> None:
        raise ValueError("not like this")

    submit = world.vendor.submit
    world.vendor.submit = fails  # type: ignore[assignment, method-assign]
    for _ in range(60):
        world.round()
    assert "ValueError: not like this" in world.store.view(RUN).waits
    assert world.store.view(RUN).step_fails
    assert world.vendor.reads <= 6
    world.vendor.submit = submit  # type: ignore[method-assign]
    world.now += 60
    assert world.until_it_stops().counts == {"applied": 60}
    assert world.state().waits == ""
    assert not world.store.view(RUN).step_fails


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [(errors.Rejected("E7", "not these"), True), (errors.Unavailable("504"), False)],
    ids=["refused", "failed"],
)
def test_a_read_that_fails_is_told_as_what_it_is_until_it_succeeds(
    redis: Redis, error: errors.RevioError, *, is_refused: bool
) -> None:
    world = World(redis, 5)
    world.start(5)

    def fails(_ids: object) -> None:
        raise error

    read = world.vendor.read
    world.vendor.read = fails  # type: ignore[assignment, method-assign]
    world.round()
    view = world.store.view(RUN)
    assert str(error) in view.waits
    assert view.read_is_refused is is_refused
    assert not view.has_reason_to_wait
    world.vendor.read = read  # type: ignore[method-assign]
    world.now += 60
    assert world.until_it_stops().counts == {"applied": 5}
    assert not world.store.view(RUN).read_is_refused


def test_a_run_that_cannot_be_read_does_not_stop_the_others(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5, run="odd")
    redis.hset("revio:default:campaign:odd:control", "status", "of a later release")
    world.start(5)
    assert world.until_it_stops().counts == {"applied": 5}


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_delays_no_run(redis: Redis, hours: int) -> None:
    world = World(redis, 60, wrong=frozenset({5002}))
    world.start(60, canary=(5,))
    while not (world.vendor.rates[5002] == "0.0100" and world.state().phase == "checking"):
        world.round()
    world.round()
    world.now += hours * 3600
    began = world.now
    assert world.until_it_stops().status is Status.HALTED
    assert world.now - began < 10


def test_a_resume_forgives_what_led_to_a_halt_and_nothing_after_a_pause(redis: Redis) -> None:
    world = World(redis, 60)
    world.start(60)
    assert world.runs.lease("default", "me")
    rows = [EndedRow(at, RowOutcome.DIFFERS, world.now) for at in range(3)]
    world.runs.record("default", RUN, "me", RunStep(ended=rows))
    world.decide("pause", Status.PAUSED)
    world.decide("resume", Status.RUNNING)
    assert world.state().ended(RowOutcome.DIFFERS) == 3
    world.runs.stop("default", RUN, "me", Status.HALTED, "3 rows read back otherwise")
    world.decide("resume", Status.RUNNING)
    assert world.state().ended(RowOutcome.DIFFERS) == 0
