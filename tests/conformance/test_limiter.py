"""The limits, the same in memory and in Redis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit, Purpose
from tests.examples import examples
from worker.limiter import Bound, Granted, HealthChange, Limiter, LimitRules, Refused
from worker.limiter.charge import MOST_SOURCES, OTHER_SOURCES

Make = Callable[..., Any]

TICK_S = 1 / 64
DAY_S = 86_400.0


def call(lane: Lane = Lane.INTERACTIVE, purpose: Purpose = Purpose.UPDATE) -> Call:
    return Call("default", lane, purpose, "job")


BULK = call(Lane.BULK)


def admitted(limiter: Limiter, calls: int, of: Call | None = None) -> list[Permit]:
    answers = [limiter.admit(of or call()) for _ in range(calls)]
    return [answer.permit for answer in answers if isinstance(answer, Granted)]


def test_a_minute_holds_no_more_than_its_calls(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=3, calls_per_day=100)
    first, second = bench.processes
    assert len(admitted(first, 2)) == 2
    bench.advance(30)
    assert len(admitted(second, 5)) == 1
    assert first.admit(call()) == Refused(Bound.MINUTE, 31.0)
    bench.advance(31 - TICK_S)
    assert second.admit(call()) == Refused(Bound.MINUTE, TICK_S)
    bench.advance(TICK_S)
    assert len(admitted(first, 5)) == 2
    assert first.admit(call()) == Refused(Bound.MINUTE, 30.0)


def test_the_minute_is_kept_longer_by_the_margin_for_the_way(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=1, calls_per_day=9, window_margin_s=2.5)
    admitted(bench.processes[0], 1)
    assert bench.processes[0].admit(call()) == Refused(Bound.MINUTE, 62.5)


def test_an_answer_proves_that_a_call_had_arrived_and_makes_room(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=9)
    limiter = bench.processes[0]
    [first] = admitted(limiter, 1)
    bench.advance(0.25)
    limiter.answered(first)
    [second] = admitted(limiter, 1)
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 60.0)
    # Nothing is proved by an answer that takes longer than the way can.
    bench.advance(5)
    limiter.answered(second)
    bench.advance(55)
    assert len(admitted(limiter, 1)) == 1
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 1.0)


def test_an_answer_to_a_call_that_is_forgotten_changes_nothing(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=1, calls_per_day=9)
    limiter = bench.processes[0]
    [refunded] = admitted(limiter, 1)
    limiter.refund(refunded)
    limiter.answered(refunded)
    [old] = admitted(limiter, 1)
    bench.advance(61)
    admitted(limiter, 1)
    limiter.answered(old)
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 61.0)


def test_nothing_leaves_that_might_arrive_on_the_next_day(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=3, window_margin_s=0.5)
    limiter = bench.processes[0]
    bench.advance(DAY_S - 0.5)
    assert limiter.admit(call()) == Refused(Bound.DAY, 0.5)
    bench.advance(0.5)
    assert len(admitted(limiter, 9)) == 3


def test_a_day_holds_no_more_than_its_calls(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=3, day_reset_hour=6)
    first, second = bench.processes
    bench.advance(6 * 3600)
    assert len(admitted(first, 2) + admitted(second, 2)) == 3
    bench.advance(DAY_S - 0.5)
    for limiter in bench.processes:
        assert limiter.admit(call()) == Refused(Bound.DAY, 0.5)
    bench.advance(0.5)
    assert len(admitted(second, 2) + admitted(first, 2)) == 3


def test_bulk_leaves_more_headroom_after_interactive_calls_have_missed_it(
    limiter_bench: Make,
) -> None:
    bench = limiter_bench(calls_per_minute=8, calls_per_day=100, bulk_headroom_per_minute=3)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 7
    assert len(admitted(limiter, 2)) == 1
    bench.advance(61 - TICK_S)
    assert limiter.admit(BULK) == Refused(Bound.MINUTE, TICK_S)
    bench.advance(TICK_S)
    assert len(admitted(limiter, 9, BULK)) == 6
    assert len(admitted(limiter, 9)) == 2
    # One is forgotten each two minutes.
    bench.advance(120)
    assert len(admitted(limiter, 9, BULK)) == 5
    assert len(admitted(limiter, 3)) == 3
    bench.advance(240)
    assert len(admitted(limiter, 9, BULK)) == 7


def test_bulk_leaves_a_reserve_of_the_day(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=5, bulk_reserve_per_day=2)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 3
    assert limiter.admit(BULK) == Refused(Bound.DAY, DAY_S)
    assert len(admitted(limiter, 9)) == 2


def test_bulk_rests_when_the_headroom_is_all(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=1, calls_per_day=100, bulk_headroom_per_minute=9)
    assert bench.processes[0].admit(BULK) == Refused(Bound.MINUTE, 61.0)


def test_a_pause_stops_every_process_until_it_ends(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=5, calls_per_day=100)
    first, second = bench.processes
    first.pause("default", 30.0, "429")
    first.pause("default", 5.0, "a shorter one")
    assert second.admit(call()) == Refused(Bound.PAUSE, 30.0)
    usage = second.usage("default")
    assert (usage.paused_for_s, usage.pause_reason) == (30.0, "429")
    bench.advance(30)
    assert isinstance(second.admit(call()), Granted)
    usage = second.usage("default")
    assert (usage.paused_for_s, usage.pause_reason) == (0.0, "")


def test_a_longer_pause_counts(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=5, calls_per_day=100)
    first, second = bench.processes
    first.pause("default", 5.0, "429")
    second.pause("default", 60.5, "quota")
    assert first.admit(call()) == Refused(Bound.PAUSE, 60.5)


def test_a_refused_call_is_charged_to_nothing(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=3)
    limiter = bench.processes[0]
    admitted(limiter, 9)
    assert limiter.usage("default").day_used == 2
    bench.advance(61)
    admitted(limiter, 9)
    usage = limiter.usage("default")
    assert (usage.minute_used, usage.day_used) == (1, 3)


def test_a_refund_gives_the_call_back_once(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=100)
    first, second = bench.processes
    permit, _ = admitted(first, 2)
    second.refund(permit)
    first.refund(permit)
    usage = first.usage("default")
    assert (usage.minute_used, usage.day_used, usage.purposes_today["update"]) == (1, 1, 1)
    assert len(admitted(second, 9)) == 1


def test_a_refund_after_the_reset_goes_to_the_day_that_was_charged(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=9, calls_per_day=100)
    limiter = bench.processes[0]
    bench.advance(DAY_S - 2)
    [permit] = admitted(limiter, 1)
    bench.advance(3)
    admitted(limiter, 1)
    limiter.refund(permit)
    usage = limiter.usage("default")
    assert (usage.minute_used, usage.day_used) == (1, 1)


def test_accounts_share_nothing(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=1, calls_per_day=1)
    limiter = bench.processes[0]
    limiter.admit(call())
    limiter.pause("default", 9, "429")
    other = Call("other", Lane.BULK, Purpose.QUERY)
    assert isinstance(limiter.admit(other), Granted)


def test_usage_tells_every_bound(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=9, calls_per_day=100, day_reset_hour=1)
    limiter = bench.processes[1]
    for purpose in Purpose:
        limiter.admit(call(purpose=purpose))
    bench.advance(61)
    limiter.admit(call(purpose=Purpose.SESSION))
    usage = limiter.usage("default")
    assert (usage.minute_used, usage.minute_limit) == (1, 9)
    assert (usage.day_used, usage.day_limit) == (5, 100)
    assert usage.day_resets_at == bench.clock() - 61 + 3600
    assert usage.purposes_today == {"query": 1, "update": 1, "verify": 1, "session": 2}
    assert usage.purposes_minute == {"query": 0, "update": 0, "verify": 0, "session": 1}
    assert usage.lanes_minute == {"interactive": 1, "bulk": 0}


def test_calls_are_counted_by_source_and_those_of_too_many_together(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=200, calls_per_day=1000)
    limiter, other = bench.processes
    named = [replace(call(), source=f"service-{number}") for number in range(MOST_SOURCES + 2)]
    permits = [permit for of in (*named, named[1], named[1]) for permit in admitted(limiter, 1, of)]
    admitted(limiter, 1)
    sources = other.usage("default").sources_today
    assert list(sources.items())[:2] == [("service-1", 3), (OTHER_SOURCES, 2)]
    assert len(sources) == MOST_SOURCES + 1
    assert sum(sources.values()) == len(permits) == other.usage("default").day_used - 1
    for permit in permits:
        other.refund(permit)
    assert other.usage("default").sources_today == {}


class CountedByHand:
    """Holds the limiter to what one would count by hand, and refuses to be surprised."""

    def __init__(self, bench: Any, rules: LimitRules) -> None:
        self._bench = bench
        self._rules = rules
        self._paused_until = 0.0
        self._level = 0
        self._missed = (0, 0.0)
        self.charged: list[tuple[float, Permit]] = []
        self._arrived_at: dict[str, float] = {}

    def _limit(self) -> int:
        """After a pause the speed comes back from a tenth to all over a minute."""
        limit, window = self._rules.calls_per_minute, Fraction(self._rules.window_s)
        since = Fraction(self._bench.clock()) - Fraction(self._paused_until)
        if self._is_ramping():
            return max(math.floor(limit * (1 + 9 * since / window) / 10), 1)
        return limit

    def _is_ramping(self) -> bool:
        since = Fraction(self._bench.clock()) - Fraction(self._paused_until)
        return bool(self._paused_until) and 0 <= since < Fraction(self._rules.window_s)

    def _minute(self) -> list[float]:
        now = self._bench.clock()
        return sorted(at for at in map(self._arrives_at, self.charged) if at + 60 > now)

    def _headroom(self) -> int:
        most = self._rules.bulk_headroom_per_minute
        return min(most, self._rules.min_reserve + self._missed_now())

    def _missed_now(self) -> int:
        """Interactive calls that found the limit used up; one is forgotten each two minutes."""
        count, at = self._missed
        return max(count - int((self._bench.clock() - at) // 120), 0)

    def expected(self, lane: Lane) -> Refused | None:
        now, rules = self._bench.clock(), self._rules
        start, end, _ = rules.resets_around(now)
        if self._paused_until > now:
            return Refused(Bound.PAUSE, self._paused_until - now)
        spent = sum(at >= start for at, _ in self.charged) >= rules.day_limit(lane)
        if spent or end - now <= rules.window_margin_s:
            return Refused(Bound.DAY, end - now)
        window = self._minute()
        limit = allowed = self._limit()
        if lane is Lane.BULK:
            allowed -= self._headroom() * limit // rules.calls_per_minute
        elif self._is_ramping():
            allowed = max(limit, self._level)
        if len(window) < max(allowed, 1) and allowed > 0:
            return None
        allowed = max(allowed, 0)
        wait_s = window[-allowed] + 60 - now if allowed else rules.window_s
        return Refused(Bound.MINUTE, wait_s)

    def _arrives_at(self, charged: tuple[float, Permit]) -> float:
        """The latest time."""
        at, permit = charged
        return self._arrived_at.get(permit.token, at + self._rules.window_margin_s)

    def admit(self, lane: Lane, process: int) -> None:
        answer = self._bench.processes[process].admit(call(lane))
        if refused := self.expected(lane):
            assert answer == refused
            if refused.bound is Bound.MINUTE and lane is Lane.INTERACTIVE:
                self._miss()
            return
        assert isinstance(answer, Granted)
        if lane is Lane.INTERACTIVE and len(self._minute()) >= self._limit():
            self._miss()
        self.charged.append((self._bench.clock(), answer.permit))

    def _miss(self) -> None:
        most = self._rules.bulk_headroom_per_minute
        self._missed = (min(self._missed_now() + 1, most), self._bench.clock())

    def advance(self, seconds: float) -> None:
        self._bench.advance(seconds)

    def wait_until_free(self, lane: Lane) -> None:
        """Who waits as long as told, again and again, is admitted at last."""
        for _ in range(15):
            if refused := self.expected(lane):
                self.advance(refused.wait_s)
        rules, bulk = self._rules, lane is Lane.BULK
        minute = rules.calls_per_minute - (rules.min_reserve if bulk else 0)
        possible = minute > 0 and rules.day_limit(lane) > 0
        assert (self.expected(lane) is None) is possible

    def answered(self, back: int) -> None:
        if back >= len(self.charged):
            return
        at, permit = self.charged[-1 - back]
        self._bench.processes[1].answered(permit)
        latest = at + self._rules.window_margin_s
        self._arrived_at.setdefault(permit.token, min(self._bench.clock(), latest))
        # Others hear of it when this process asks again.
        self.admit(Lane.INTERACTIVE, 1)

    def refund(self, back: int) -> None:
        if back >= len(self.charged):
            return
        at, permit = self.charged[-1 - back]
        if permit.token in self._arrived_at:
            return
        if self._bench.clock() - at < self._rules.window_s:
            self._bench.processes[back % 2].refund(permit)
            del self.charged[-1 - back]

    def sit_out(self, seconds: float) -> None:
        self.pause(seconds)
        self.advance(seconds)

    def pause(self, seconds: float) -> None:
        self._bench.processes[0].pause("default", seconds, "429")
        if self._paused_until <= self._bench.clock():
            count = len(self._minute())
            self._level = count if count <= self._limit() else count * 9 // 10
        self._paused_until = max(self._paused_until, self._bench.clock() + seconds)


rules = st.fixed_dictionaries(
    {
        "calls_per_minute": st.integers(1, 5),
        "calls_per_day": st.integers(1, 25),
        "bulk_headroom_per_minute": st.integers(0, 3),
        "bulk_reserve_per_day": st.integers(0, 5),
        "day_reset_hour": st.integers(0, 23),
        "window_margin_s": st.sampled_from([0.0, 1.0]),
    }
)
steps = st.one_of(
    st.tuples(st.just("admit"), st.sampled_from(Lane), st.integers(0, 1)),
    st.tuples(st.just("admit"), st.sampled_from(Lane), st.integers(0, 1)),
    st.tuples(st.just("advance"), st.integers(0, 40 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("advance"), st.integers(1, 30).map(lambda hours: hours * 3600.0)),
    st.tuples(st.just("wait_until_free"), st.sampled_from(Lane)),
    st.tuples(st.just("refund"), st.integers(0, 5)),
    st.tuples(st.just("answered"), st.integers(0, 5)),
    st.tuples(st.just("pause"), st.integers(1, 90 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("sit_out"), st.integers(1, 20 * 64).map(lambda ticks: ticks * TICK_S)),
)


@settings(max_examples=examples(50), deadline=None)
@given(rules=rules, steps=st.lists(steps, max_size=60))
def test_whatever_happens_exactly_what_is_allowed_is_admitted(
    limiter_bench: Make, rules: dict[str, Any], steps: list[tuple[Any, ...]]
) -> None:
    bench = limiter_bench(**rules)
    counted = CountedByHand(bench, LimitRules(**rules))
    for name, *arguments in steps:
        getattr(counted, name)(*arguments)
    times = [at for at, _ in counted.charged]
    assert all(
        sum(at <= moment < at + 60 for moment in times) <= rules["calls_per_minute"] for at in times
    )
    usage = bench.processes[0].usage("default")
    start = LimitRules(**rules).resets_around(bench.clock())[0]
    assert usage.day_used == sum(at >= start for at in times)


@pytest.mark.parametrize("back_s", [1.0, 45.0, 3600.0])
def test_a_clock_that_is_set_back_takes_with_it_all_times(
    limiter_bench: Make, back_s: float
) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=100)
    bench.advance(7200)
    limiter = bench.processes[0]
    admitted(limiter, 2)
    bench.step(-back_s)
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 61.0)
    limiter.pause("default", 30.0, "429")
    bench.step(-back_s)
    assert limiter.admit(call()) == Refused(Bound.PAUSE, 30.0)


def test_bulk_is_evenly_spaced_and_makes_up_for_missed_turns(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=60, calls_per_day=900, bulk_burst=3, window_margin_s=0.0)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 4
    assert limiter.admit(BULK) == Refused(Bound.PACE, 1.0)
    bench.advance(1.0)
    assert len(admitted(limiter, 9, BULK)) == 1
    bench.advance(2.5)
    assert len(admitted(limiter, 9, BULK)) == 2
    assert len(admitted(limiter, 99)) == 53


def test_a_turn_that_nobody_takes_is_somebody_elses(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=60, calls_per_day=900, bulk_burst=3, window_margin_s=0.0)
    first, second = bench.processes
    admitted(first, 4, BULK)
    assert [first.admit(BULK, patience_s=9).wait_s for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]
    bench.advance(1.5)
    assert second.admit(BULK) == Refused(Bound.TURN, 3.5)
    bench.advance(1.0)
    assert len(admitted(second, 9, BULK)) == 1


def test_whose_turn_came_too_early_gets_another_after_those_before_him(
    limiter_bench: Make,
) -> None:
    bench = limiter_bench(calls_per_minute=60, calls_per_day=900, bulk_burst=1, window_margin_s=0.0)
    limiter = bench.processes[0]
    admitted(limiter, 2, BULK)
    assert [limiter.admit(BULK, patience_s=9).wait_s for _ in range(2)] == [1.0, 2.0]
    admitted(limiter, 3)
    bench.advance(1.0)
    assert limiter.admit(BULK, patience_s=9, in_slot=True) == Refused(Bound.PACE, 3.0)
    bench.advance(1.0)
    assert limiter.admit(BULK, patience_s=9, in_slot=True) == Refused(Bound.TURN, 3.0)


def test_bulk_can_be_spread_over_the_day(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=60, calls_per_day=864, bulk_burst=0, bulk_spread=True)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 1
    refused = limiter.admit(BULK)
    assert refused.bound is Bound.PACE
    assert refused.wait_s == pytest.approx(100.0, abs=0.5)
    bench.advance(DAY_S / 2)
    assert len(admitted(limiter, 9, BULK)) == 1
    # Half of the day is left for what should have taken the whole: twice as fast.
    assert limiter.admit(BULK).wait_s == pytest.approx(50.0, abs=0.5)


def test_who_waits_has_a_turn_and_who_comes_later_a_later_one(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=100, window_margin_s=0.0)
    first, second = bench.processes
    admitted(first, 1)
    bench.advance(30)
    admitted(first, 1)
    bench.advance(28)
    assert first.admit(call(), patience_s=5) == Refused(Bound.MINUTE, 2.0)
    assert second.admit(call(), patience_s=5) == Refused(Bound.TURN, 32.0)
    bench.advance(1)
    assert second.admit(call()) == Refused(Bound.TURN, 31.0)
    bench.advance(1)
    assert isinstance(first.admit(call(), in_slot=True), Granted)
    assert first.usage("default").waits_s == {"interactive": 0.0, "bulk": 0.0}


def test_bulk_steps_back_for_an_interactive_call_that_waits(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=100, window_margin_s=0.0)
    first, second = bench.processes
    admitted(first, 1, BULK)
    bench.advance(10)
    admitted(first, 1, BULK)
    bench.advance(49.5)
    first.admit(call(), patience_s=5)
    bench.advance(0.5)
    assert second.admit(BULK).bound is Bound.TURN
    assert isinstance(first.admit(call(), in_slot=True), Granted)


def test_a_full_minute_of_ours_lowers_no_ceiling(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=10, calls_per_day=100)
    limiter = bench.processes[0]
    admitted(limiter, 9)
    assert limiter.pause("default", 10, "429", minute_spent=True) is None


def test_someone_else_on_the_key_lowers_the_ceiling_which_recovers(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=900, recovery_s=1000.0)
    first, second = bench.processes
    admitted(first, 50)
    assert second.pause("default", 30, "429", minute_spent=True) == 70
    # The other threads hear the same 429.
    assert first.pause("default", 31, "429", minute_spent=True) is None
    bench.advance(31)
    assert first.usage("default").minute_ceiling == 7
    bench.advance(61)
    assert second.usage("default").minute_ceiling == 76
    assert len(admitted(second, 200)) == 76
    bench.advance(1000)
    assert first.usage("default").minute_ceiling == 100


def test_after_a_pause_an_interactive_call_goes_out_as_soon_as_the_vendor_has_forgotten_one(
    limiter_bench: Make,
) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=900, window_margin_s=0.0)
    first, second = bench.processes
    for _ in range(50):
        admitted(first, 1)
        bench.advance(1.0)
    second.pause("default", 15.0, "429", minute_spent=True)
    bench.advance(15.0)
    assert first.usage("default").interactive_ceiling == 50
    # Six have left the minute; the lowered ceiling and the ramp keep bulk waiting for the others.
    assert len(admitted(second, 9)) == 6
    assert first.admit(call()) == Refused(Bound.MINUTE, 1.0)
    assert second.admit(BULK).bound is Bound.MINUTE
    bench.advance(1.0)
    assert len(admitted(first, 9)) == 1
    bench.advance(30.0)
    assert len(admitted(first, 99)) == 30
    # A minute later the lowered ceiling counts for all.
    bench.advance(60.0)
    assert len(admitted(first, 99)) == first.usage("default").minute_ceiling


def test_interactive_calls_beyond_a_lowered_limit_make_bulk_leave_more(
    limiter_bench: Make,
) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=900, bulk_headroom_per_minute=10)
    limiter = bench.processes[0]
    admitted(limiter, 95)
    bench.advance(30.0)
    limiter.pause("default", 31.0, "429")
    bench.advance(31.0)
    assert len(admitted(limiter, 14)) == 14
    bench.advance(61.0)
    # Of the 14 the ramp had let out ten.
    assert limiter.usage("default").bulk_headroom == 1 + 4


def test_interactive_calls_that_were_refused_again_step_back_further(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=900, window_margin_s=0.0)
    limiter = bench.processes[0]
    for _ in range(50):
        admitted(limiter, 1)
        bench.advance(1.0)
    limiter.pause("default", 15.0, "429", minute_spent=True)
    bench.advance(15.0)
    admitted(limiter, 9)
    assert limiter.pause("default", 2.0, "429", minute_spent=True) is None
    bench.advance(2.0)
    # 50 were too many, so nine tenths of that count: 48 are in the minute, and four must leave.
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 4.0)
    bench.advance(4.0)
    assert len(admitted(limiter, 9)) == 1


def test_after_a_pause_the_minute_still_holds_no_more_than_its_calls(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=10, calls_per_day=900, window_margin_s=0.0)
    limiter = bench.processes[0]
    admitted(limiter, 10)
    limiter.pause("default", 5.0, "429", minute_spent=True)
    bench.advance(5.0)
    assert limiter.admit(call()) == Refused(Bound.MINUTE, 55.0)
    bench.advance(55.0)
    assert len(admitted(limiter, 99)) == 10


def test_interactive_calls_after_a_pause_put_bulk_off_by_a_step_of_the_full_pace(
    limiter_bench: Make,
) -> None:
    bench = limiter_bench(calls_per_minute=60, calls_per_day=900, window_margin_s=0.0, bulk_burst=0)
    limiter = bench.processes[0]
    for _ in range(60):
        admitted(limiter, 1, BULK)
        bench.advance(1.0)
    limiter.pause("default", 1.0, "429", minute_spent=True)
    for _ in range(30):
        bench.advance(1.0)
        assert len(admitted(limiter, 1)) == 1
    assert limiter.admit(BULK).bound is Bound.MINUTE
    # The ramp allows 47, and 42 are in the minute.
    bench.advance(16.0)
    assert len(admitted(limiter, 1, BULK)) == 1


def test_a_breaker_opens_after_faults_in_a_row_and_tries_one_call(limiter_bench: Make) -> None:
    bench = limiter_bench(
        calls_per_minute=10, calls_per_day=100, breaker_faults=3, breaker_probe_interval_s=5.0
    )
    first, second = bench.processes
    admitted(first, 1)
    assert [first.report("default", healthy=False) for _ in range(2)] == [None, None]
    assert len(admitted(first, 1)) == 1
    first.report("default", healthy=True)
    changes = [first.report("default", healthy=False) for _ in range(3)]
    assert changes == [None, None, HealthChange.BREAKER_OPENED]
    assert second.admit(call()) == Refused(Bound.BREAKER, 5.0)
    bench.advance(5)
    assert len(admitted(second, 5)) == 1
    assert first.admit(call()) == Refused(Bound.BREAKER, 5.0)
    second.report("default", healthy=True)
    assert len(admitted(first, 5)) == 5


REFUSAL = "the key was refused (401)"


def test_a_refused_account_lets_out_one_probe_at_a_time(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=30, calls_per_day=100)
    first, second = bench.processes
    assert first.close("default", REFUSAL)
    for lane in (call(), BULK):
        assert second.admit(lane) == Refused(Bound.ACCOUNT, 60.0, REFUSAL)
    assert second.closed("default", Lane.BULK) == Refused(Bound.ACCOUNT, 60.0, REFUSAL)
    bench.advance(60)
    assert first.closed("default", Lane.BULK) is None
    assert len(admitted(second, 5)) == 1
    assert first.admit(call()) == Refused(Bound.ACCOUNT, 60.0, REFUSAL)


def test_a_further_refusal_does_not_put_the_probe_off(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=30, calls_per_day=100)
    limiter, closed_at = bench.processes[0], bench.clock()
    limiter.close("default", "first")
    bench.advance(59)
    assert not limiter.close("default", REFUSAL)
    assert limiter.admit(call()) == Refused(Bound.ACCOUNT, 1.0, REFUSAL)
    usage = limiter.usage("default")
    assert (usage.closed_reason, usage.closed_at) == (REFUSAL, closed_at)
    assert limiter.usage("other").closed_at is None
    assert len(admitted(limiter, 2, replace(call(), account="other"))) == 2


def test_the_healthy_answer_to_a_probe_opens_the_account(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=30, calls_per_day=100)
    first, second = bench.processes
    first.close("default", REFUSAL)
    # A call from before the refusal says nothing of it.
    assert [job.report("default", healthy=True) for job in (first, second)] == [None, None]
    assert second.admit(call()).bound is Bound.ACCOUNT
    bench.advance(60)
    assert len(admitted(second, 1)) == 1
    assert not second.close("default", REFUSAL)
    assert second.report("default", healthy=True) is None
    bench.advance(60)
    assert len(admitted(first, 1)) == 1
    assert first.report("default", healthy=True) is HealthChange.ACCOUNT_OPENED
    assert len(admitted(second, 5)) == 5
    assert second.usage("default").closed_reason == ""


def test_an_operator_opens_a_refused_account(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=30, calls_per_day=100)
    first, second = bench.processes
    assert not first.reopen("default")
    first.close("default", REFUSAL)
    assert second.reopen("default")
    assert len(admitted(first, 3)) == 3
    assert first.close("default", REFUSAL)


everything = st.fixed_dictionaries(
    {
        "calls_per_minute": st.integers(1, 30),
        "calls_per_day": st.integers(20, 200),
        "bulk_headroom_per_minute": st.integers(0, 8),
        "bulk_reserve_per_day": st.integers(0, 20),
        "bulk_spread": st.booleans(),
        "bulk_burst": st.integers(0, 9),
        "recovery_s": st.sampled_from([10.0, 300.0]),
        "breaker_faults": st.integers(0, 3),
        "account_probe_interval_s": st.sampled_from([0.5, 5.0]),
    }
)
deeds = st.one_of(
    st.tuples(st.just("admit"), st.sampled_from(Lane), st.sampled_from([0.0, 5.0]), st.booleans()),
    st.tuples(st.just("crowd"), st.sampled_from(Lane), st.integers(1, 40)),
    st.tuples(st.just("advance"), st.integers(1, 70 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("advance"), st.integers(1, 8 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("refund")),
    st.tuples(st.just("answered"), st.integers(0, 90)),
    st.tuples(st.just("pause"), st.integers(1, 90), st.booleans()),
    st.tuples(st.just("sit_out"), st.integers(1, 20), st.booleans()),
    st.tuples(st.just("report"), st.booleans()),
    st.tuples(st.just("close")),
)


throttled_deeds = st.one_of(
    st.tuples(st.just("admit"), st.sampled_from(Lane), st.sampled_from([0.0, 5.0]), st.booleans()),
    st.tuples(st.just("crowd"), st.sampled_from(Lane), st.integers(1, 12)),
    st.tuples(st.just("advance"), st.integers(1, 6 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("sit_out"), st.integers(1, 6), st.booleans()),
)
"""What happens while the vendor refuses calls again and again."""


class Diary:
    """Does the same to one limiter as to the other, and writes down what it answered."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.answers: list[object] = []
        self._permits: list[Permit] = []

    def admit(self, lane: Lane, patience_s: float = 0.0, in_slot: bool = False) -> None:  # noqa: FBT001, FBT002
        limiter = self.bench.processes[0]
        answer = limiter.admit(call(lane), patience_s=patience_s, in_slot=in_slot)
        if isinstance(answer, Granted):
            self._permits.append(answer.permit)
            answer = "granted"
        self.answers.append(answer)

    def crowd(self, lane: Lane, count: int) -> None:
        for _ in range(count):
            self.admit(lane)

    def advance(self, seconds: float) -> None:
        self.bench.advance(seconds)

    def refund(self) -> None:
        if self._permits:
            self.bench.processes[0].refund(self._permits.pop())

    def answered(self, after_ticks: int) -> None:
        self.bench.advance(after_ticks * TICK_S)
        if self._permits:
            self.bench.processes[0].answered(self._permits.pop())
        self.admit(Lane.BULK)

    def pause(self, seconds: int, minute_spent: bool) -> None:  # noqa: FBT001
        limiter = self.bench.processes[0]
        self.answers.append(limiter.pause("default", seconds, "429", minute_spent=minute_spent))

    def sit_out(self, seconds: int, minute_spent: bool) -> None:  # noqa: FBT001
        self.pause(seconds, minute_spent)
        self.bench.advance(seconds)

    def report(self, healthy: bool) -> None:  # noqa: FBT001
        self.answers.append(self.bench.processes[0].report("default", healthy=healthy))

    def close(self) -> None:
        self.answers.append(self.bench.processes[0].close("default", REFUSAL))

    def done(self) -> list[object]:
        return [*self.answers, self.bench.processes[0].usage("default")]


@settings(max_examples=examples(80), deadline=None)
@given(
    rules=everything,
    deeds=st.one_of(
        st.lists(deeds, max_size=40), st.lists(throttled_deeds, min_size=30, max_size=60)
    ),
)
def test_both_limiters_decide_alike(
    memory_limiter_bench: Make,
    redis_limiter_bench: Make,
    rules: dict[str, Any],
    deeds: list[tuple[Any, ...]],
) -> None:
    diaries = [Diary(memory_limiter_bench(**rules)), Diary(redis_limiter_bench(**rules))]
    for diary in diaries:
        for name, *arguments in deeds:
            getattr(diary, name)(*arguments)
    assert diaries[0].done() == diaries[1].done()


journeys = st.tuples(
    st.integers(0, 3 * 64).map(lambda ticks: ticks * TICK_S),
    st.floats(0.0, 1.0),
    st.one_of(st.none(), st.integers(0, 32).map(lambda ticks: ticks * TICK_S)),
    st.sampled_from(Lane),
    st.integers(0, 1),
)
"""The pause before a call, its way as a share of the longest one, the time from its arrival to its
answer (none comes when its process dies), its lane and its process."""


@settings(max_examples=examples(30), deadline=None)
@given(
    limit=st.integers(1, 6),
    margin_s=st.sampled_from([0.0, 1.0, 2.5]),
    per_day=st.sampled_from([2, 3, 10_000]),
    before_midnight_s=st.integers(1, 4 * 64).map(lambda ticks: ticks * TICK_S),
    calls=st.lists(journeys, min_size=30, max_size=60),
)
def test_the_vendor_never_counts_too_many_however_long_calls_are_on_their_way(
    limiter_bench: Make,
    *,
    limit: int,
    margin_s: float,
    per_day: int,
    before_midnight_s: float,
    calls: list[tuple[float, float, float | None, Lane, int]],
) -> None:
    bench = limiter_bench(
        calls_per_minute=limit, calls_per_day=per_day, window_margin_s=margin_s, bulk_burst=limit
    )
    midnight = bench.clock() + DAY_S
    bench.advance(DAY_S - before_midnight_s)
    arrivals: list[float] = []
    unheard: list[tuple[float, Limiter, Permit]] = []
    for pause_s, transit_time, rest_s, lane, process in calls:
        bench.advance(pause_s)
        for handle in [handle for handle in unheard if handle[0] <= bench.clock()]:
            unheard.remove(handle)
            handle[1].answered(handle[2])
        limiter = bench.processes[process]
        answer = limiter.admit(call(lane))
        if not isinstance(answer, Granted):
            # Those who wait ask just when a place becomes free.
            bench.advance(min(answer.wait_s, 2.0))
            answer = limiter.admit(call(lane))
        if isinstance(answer, Granted):
            # Whole ticks, so that sums are exact.
            arrivals.append(bench.clock() + round(transit_time * margin_s / TICK_S) * TICK_S)
            if rest_s is not None:
                unheard.append((arrivals[-1] + rest_s, limiter, answer.permit))
    assert all(sum(at - 60 < arrival <= at for arrival in arrivals) <= limit for at in arrivals)
    assert sum(at < midnight for at in arrivals) <= per_day
    assert sum(at >= midnight for at in arrivals) <= per_day


clock_deeds = st.one_of(
    st.tuples(st.just("admit"), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.just("advance"), st.integers(1, 70 * 64).map(lambda ticks: ticks * TICK_S)),
    st.tuples(st.just("step"), st.integers(-200, 200).map(float)),
    st.tuples(st.just("step"), st.integers(-20, 20).map(lambda hours: hours * 3600.0)),
)


@settings(max_examples=examples(50), deadline=None)
@given(limit=st.integers(1, 4), deeds=st.lists(clock_deeds, max_size=40))
def test_no_true_minute_holds_too_much_however_the_clock_is_set(
    redis_limiter_bench: Make, limit: int, deeds: list[tuple[Any, ...]]
) -> None:
    bench = redis_limiter_bench(calls_per_minute=limit, calls_per_day=10_000, bulk_burst=0)
    true_times: list[float] = []
    unheard: tuple[list[Permit], list[Permit]] = ([], [])

    def admit(process: int, count: int) -> None:
        limiter = bench.processes[process]
        while unheard[process]:
            limiter.answered(unheard[process].pop())
        answers = [limiter.admit(call(lane), patience_s=5.0) for lane in Lane for _ in range(count)]
        granted = [answer for answer in answers if isinstance(answer, Granted)]
        true_times.extend([bench.monotonic()] * len(granted))
        unheard[process].extend(answer.permit for answer in granted)

    for process in (0, 1):
        admit(process, 1)
    for name, *arguments in deeds:
        {"admit": admit, "advance": bench.advance, "step": bench.step}[name](*arguments)
        for process in bench.processes:
            # A worker's gatekeeper looks each second.
            process.closed("default", Lane.BULK)
    assert all(sum(at <= moment < at + 60 for moment in true_times) <= limit for at in true_times)
    # Whatever was done to the clock, some minutes later there are calls again, also of bulk.
    lanes: list[Lane] = []
    for lane in 3 * [Lane.BULK, Lane.INTERACTIVE]:
        bench.advance(61)
        lanes += [lane for _ in admitted(bench.processes[0], 1, call(lane))]
    assert set(lanes) == set(Lane)
