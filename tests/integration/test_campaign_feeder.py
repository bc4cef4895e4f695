"""The feeder on a real Redis, with a vendor in memory: whatever dies when, each row ends once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from campaigns.guard_rails.repeat import RecentChange
from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.run.spec import SendingHours, Timetable
from campaigns.run.state import RunStep, Status
from campaigns.store.run_history import RunHistory
from campaigns.terms import HaltRules
from sandbox.local.embedded_redis import EmbeddedRedis
from tests.examples import examples
from tests.integration.feeder_world import RUN, World


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


FAULTS = [""] * 6 + ["killed before", "killed after", "away", "unheard"]


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32))
def test_whatever_dies_when_each_row_is_sent_once_and_ends_once(redis: Redis, seed: int) -> None:
    # A seed and no lists: those that hypothesis makes are short, and full of calls without a fault.
    chance = random.Random(seed)
    world = World(redis, 57, rejects=frozenset({5003}))
    world.vendor.rates[5007] = "11.0000"
    world.start(57, canary=(5, 20), halt=HaltRules(100, 100))
    world.faults = iter(chance.choices(FAULTS, k=150))
    for _ in range(20):
        world.round(chance.randrange(11))
    assert world.until_it_stops().status is Status.DONE
    assert world.state().counts == {"applied": 55, "failed": 1, "drifted": 1}
    assert world.vendor.executions == dict.fromkeys({*range(5000, 5057)} - {5003, 5007}, 1)
    assert world.vendor.most_waiting <= 10
    outcomes = world.store.outcomes(RUN, 0)
    assert [outcomes[at][0] for at in (3, 7)] == ["failed", "drifted"]


def test_a_stage_begins_when_the_one_before_was_read_back(redis: Redis) -> None:
    world = World(redis, 40)
    world.start(40, canary=(5,))
    while world.state().stage == 0:
        assert sum(world.vendor.executions.values()) <= 5
        world.round()
    assert sum(world.vendor.executions.values()) == 5
    assert world.until_it_stops().status is Status.DONE
    # Once before and once after for each stage, in full calls.
    assert world.vendor.reads == 2 * (1 + 2)


def test_what_reads_back_otherwise_halts_the_run_before_the_next_stage(redis: Redis) -> None:
    world = World(redis, 40, wrong=frozenset({5002}))
    world.start(40, canary=(5,))
    state = world.until_it_stops()
    assert (state.status, state.stage) == (Status.HALTED, 0)
    assert state.counts == {"applied": 4, "differs": 1}
    assert "1 rows read back otherwise" in state.reason
    assert world.store.details(RUN, [2])[2]["found"] == {"rate": "0.0100"}
    world.decide("resume", Status.RUNNING)
    assert world.until_it_stops().status is Status.DONE


@pytest.mark.parametrize(
    ("vendor", "edited", "says"),
    [
        ({"rejects": frozenset(range(5000, 5008))}, [], "8 of 20 rows failed"),
        ({}, range(5000, 5008), "8 of"),
    ],
)
def test_too_many_errors_or_drifts_halt_it_after_a_minimum(
    redis: Redis, vendor: dict[str, Any], edited: Sequence[int], says: str
) -> None:
    world = World(redis, 100, **vendor)
    world.vendor.rates |= dict.fromkeys(edited, "99.0000")
    world.start(100, halt=HaltRules(errors_percent=25, drift_percent=25, after=20))
    state = world.until_it_stops()
    assert state.status is Status.HALTED
    assert says in state.reason
    assert sum(state.counts.values()) < 60
    world.decide("resume", Status.RUNNING)
    assert world.until_it_stops().status is Status.DONE
    assert [entry.what for entry in world.store.audit(RUN)] == ["apply", "halted", "resume", "done"]


def test_failed_rows_are_counted_by_their_words_whatever_product_they_name(redis: Redis) -> None:
    world = World(redis, 60, rejects=frozenset(range(5000, 5040)))
    world.start(60, halt=HaltRules(100, 100))
    world.until_it_stops()
    assert world.store.view(RUN).errors == {"Rejected: product … is denied, …": 40}


def test_of_any_number_of_different_errors_only_some_are_kept_apart(redis: Redis) -> None:
    world = World(redis, 250)
    world.start(250)
    assert world.feeder.step() is not None
    token: Any = redis.get("revio:default:campaigns:feeder")
    details = [{"error": "Rejected", "says": f"x{at}"} for at in range(250)]
    ended = [EndedRow(at, RowOutcome.FAILED, 1.0, detail) for at, detail in enumerate(details)]
    world.runs.record("default", RUN, token.decode(), RunStep(ended=ended))
    errors = world.store.view(RUN).errors
    assert (len(errors), sum(errors.values())) == (201, 250)


def test_a_run_without_a_worker_says_so(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.store.operator_store._FEEDER_COMES_S", 3600)
    world = World(redis, 5)
    world.start(5)
    assert world.store.view(RUN).waits == ""
    redis.zincrby("revio:default:campaigns:all", -3600, RUN)
    assert world.store.view(RUN).waits == "no worker is there to carry it on"
    world.round(0)
    assert world.store.view(RUN).waits == ""


def test_withdrawn_rows_are_sent_again_after_a_pause_under_another_key(redis: Redis) -> None:
    world = World(redis, 30)
    world.start(30)
    world.round(3)
    world.decide("pause", Status.PAUSED)
    world.vendor.withdraws = True
    for _ in range(5):
        world.round()
    paused = world.state()
    assert not paused.in_flight
    assert sum(world.vendor.executions.values()) == 3
    assert set(paused.todo.values()) == {0, 1}
    world.vendor.withdraws = False
    world.decide("resume", Status.RUNNING)
    assert world.until_it_stops().counts == {"applied": 30}
    assert set(world.vendor.executions.values()) == {1}


def test_a_cancelled_run_ends_when_nothing_is_under_way_any_more(redis: Redis) -> None:
    world = World(redis, 30)
    world.start(30)
    world.round(3)
    world.decide("cancel", Status.CANCELLED)
    assert not world.store.view(RUN).has_ended
    world.vendor.withdraws = True
    assert world.until_it_stops().status is Status.CANCELLED
    assert sum(world.vendor.executions.values()) == 3
    world.round()
    assert [entry.what for entry in world.store.audit(RUN)] == ["apply", "cancel", "cancelled"]


def test_values_that_are_there_already_are_not_sent(redis: Redis) -> None:
    world = World(redis, 5)
    world.vendor.rates[5001] = "10.5"
    world.start(5)
    assert world.until_it_stops().counts == {"applied": 4, "already": 1}
    assert 5001 not in world.vendor.executions


def test_runs_share_the_window_by_their_weight(redis: Redis) -> None:
    world = World(redis, 200)
    for name, weight in (("a", 1), ("b", 4)):
        world.start(200, run=name)
        world.redis.hset(f"revio:default:campaign:{name}:control", "weight", weight)
    world.round(0)
    assert [len(world.state(name).in_flight) for name in ("a", "b")] == [2, 8]


@pytest.mark.parametrize("rate", [0.5, 1, 10, 60, 300])
@pytest.mark.parametrize("has", ["10.0000", "10.50"], ids=["to change", "already"])
def test_a_run_keeps_to_its_rate_and_each_read_is_a_call_too(
    redis: Redis, rate: float, has: str
) -> None:
    world = World(redis, 400)
    world.vendor.rates = dict.fromkeys(world.vendor.rates, has)
    world.start(400, canary=(3,))
    settings = {"rate": rate}
    world.store.decide(RUN, "set", by="b", reason="", possible=list(Status), settings=settings)
    began, step_s = world.now, 15 / rate
    while world.now < began + 20 * 60 / rate and not world.store.view(RUN).has_ended:
        world.round()
        world.now += step_s
    calls = sum(world.vendor.executions.values()) + world.vendor.reads
    allowed = (world.now - began) * rate / 60
    assert 0.7 * allowed <= calls <= allowed + 2 + rate / 30
    assert bool(world.vendor.executions) == (has == "10.0000")


def test_nothing_is_sent_before_its_time_and_the_run_says_so(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5, start_at=world.now + 90)
    text = f"its time begins at {datetime.fromtimestamp(world.now + 90, UTC):%Y-%m-%d %H:%M} UTC"
    assert world.state().waits == text
    world.round()
    assert not world.vendor.reads
    assert world.state().waits == text
    world.now += 91
    assert world.until_it_stops().status is Status.DONE


def test_while_the_lane_is_closed_nothing_is_read_or_sent_and_the_run_says_why(
    redis: Redis,
) -> None:
    world = World(redis, 30)
    world.start(30)
    world.round(3)
    calls = world.vendor.reads, world.most_sent()
    world.lane.reason = "the bulk lane is paused by ann: wrong list"
    for _ in range(4):
        world.round(0)
    assert (world.vendor.reads, world.most_sent()) == calls
    assert world.state().waits == world.lane.reason
    world.decide("pause", Status.PAUSED)
    world.decide("resume", Status.RUNNING)
    world.lane.reason = ""
    assert world.until_it_stops().counts == {"applied": 30}
    assert world.state().waits == ""


def test_what_a_closed_lane_holds_of_a_cancelled_run_is_told(redis: Redis) -> None:
    world = World(redis, 30)
    world.start(30)
    world.round(0)
    world.lane.reason = "the bulk lane is paused by ann: wrong list"
    world.decide("cancel", Status.CANCELLED)
    world.round(0)
    assert world.state().waits == world.lane.reason
    world.vendor.withdraws = True
    assert world.until_it_stops().status is Status.CANCELLED


@pytest.mark.parametrize(
    ("begins", "ends", "at", "opens_in_h"),
    [
        (time(22), time(6), "2026-06-01T23:00", 0),
        (time(22), time(6), "2026-06-02T05:59", 0),
        (time(22), time(6), "2026-06-02T06:00", 16),
        (time(9), time(17), "2026-06-01T08:00", 1),
        (time(9), time(17), "2026-06-01T18:00", 15),
    ],
)
def test_a_window_of_the_day_may_span_midnight(
    begins: time, ends: time, at: str, opens_in_h: float
) -> None:
    zone = ZoneInfo("America/New_York")
    now = datetime.fromisoformat(at).replace(tzinfo=zone).timestamp()
    hours = SendingHours(begins, ends, "America/New_York")
    assert hours.opens_in(now) == pytest.approx(opens_in_h * 3600, abs=1)


def test_only_one_feeder_works_at_a_time(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5)
    other = world.new_feeder()
    assert world.feeder.step() is not None
    assert other.step() is None
    world.new_feeder().release()
    assert other.step() is None
    world.feeder.release()
    # Its thread turns until the process ends.
    assert world.feeder.step() is None
    assert other.step() is not None


def ended(outcome: RowOutcome, at: float, **detail: str) -> Callable[[int], EndedRow]:
    return lambda index: EndedRow(index, outcome, at, detail)


def test_history_knows_what_each_run_has_changed_or_will(redis: Redis) -> None:
    world = World(redis, 6)
    header = {"rails": [], "form": {"columns": []}, "rules": {"set": {"rate": "rate+1"}}}
    names = ("name", "account", "vendor", "author", "created_at")
    facts = {"header": {**dict.fromkeys(names, ""), **header, "source": "june.csv"}}
    world.start(6, facts=facts)
    assert world.runs.lease("default", "me")
    made = (
        ended(RowOutcome.APPLIED, world.now),
        ended(RowOutcome.FAILED, world.now, error="OutcomeUnknown", says=""),
        ended(RowOutcome.FAILED, world.now, error="Rejected", says=""),
        ended(RowOutcome.DRIFTED, world.now),
        ended(RowOutcome.DIFFERS, world.now - 100),
    )
    rows = [make(index) for index, make in enumerate(made)]
    world.runs.record("default", RUN, "me", RunStep(ended=rows))
    history = RunHistory(world.store)
    recent = history.since(world.now - 50)
    rule = "june.csv and rate=rate+1"
    assert [recent(5000 + at) for at in range(7)] == [
        RecentChange(RUN, rule, world.now, is_as_planned=True),
        RecentChange(RUN, rule, world.now, is_certain=False),
        None,
        None,
        None,  # it was changed before the time that is looked at
        RecentChange(RUN, rule, None, "running"),
        None,
    ]
    assert history.since(0)(5004) == RecentChange(RUN, rule, world.now - 100)
    assert history.since(0, except_run=RUN)(5000) is None
    world.runs.stop("default", RUN, "me", Status.DONE, "")
    assert history.since(world.now - 50)(5005) is None
    seconds, _ = redis.time()
    assert world.store.was_active_since(RUN, seconds)
    assert not world.store.was_active_since(RUN, seconds + 61)


def test_a_start_that_was_moved_holds_at_once_and_for_the_next_feeder(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5, start_at=world.now + 90)
    world.round()
    assert not world.most_sent()
    settings = {"start_at": repr(world.now - 1)}
    world.store.decide(
        RUN, "set start", by="bob", reason="", possible=list(Status), settings=settings
    )
    assert world.until_it_stops().status is Status.DONE


def test_workers_know_the_hours_of_a_run_and_a_start_that_was_moved(redis: Redis) -> None:
    world, moved_to = World(redis, 5), 1_800_009_000.0
    hours = SendingHours(time(22), time(6), "America/New_York")
    world.start(5, sending_hours=hours, zone="America/New_York")
    world.store.decide(
        RUN,
        "set start",
        by="bob",
        reason="",
        possible=list(Status),
        settings={"start_at": repr(moved_to)},
    )
    rules = world.runs.send_rules("default", RUN)
    assert rules
    assert rules.timetable == Timetable(moved_to, hours, "America/New_York")


def test_times_of_a_run_are_told_in_the_businesss_zone(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5, start_at=world.now + 90, zone="America/New_York")
    world.round()
    assert world.state().waits == "its time begins at 2027-01-15 03:01 EST (08:01 UTC)"
