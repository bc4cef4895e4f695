"""The limits, the same in memory and in Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit, Purpose
from worker.limiter import Bound, Granted, Limiter, LimitRules, Refused

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


def test_bulk_leaves_headroom_in_the_minute(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=5, calls_per_day=100, bulk_headroom_per_minute=2)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 3
    assert limiter.admit(BULK) == Refused(Bound.MINUTE, 61.0)
    assert len(admitted(limiter, 9)) == 2


def test_what_interactive_uses_bulk_does_not_get(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=5, calls_per_day=100, bulk_headroom_per_minute=2)
    assert len(admitted(bench.processes[0], 4)) == 4
    assert admitted(bench.processes[1], 9, BULK) == []


def test_bulk_leaves_a_reserve_of_the_day(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=100, calls_per_day=5, bulk_reserve_per_day=2)
    limiter = bench.processes[0]
    assert len(admitted(limiter, 9, BULK)) == 3
    assert limiter.admit(BULK) == Refused(Bound.DAY, DAY_S)
    assert len(admitted(limiter, 9)) == 2


def test_bulk_rests_when_the_headroom_is_all(limiter_bench: Make) -> None:
    bench = limiter_bench(calls_per_minute=5, calls_per_day=100, bulk_headroom_per_minute=9)
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
    bench.advance(DAY_S - 1)
    [permit] = admitted(limiter, 1)
    bench.advance(2)
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


class CountedByHand:
    """Holds the limiter to what one would count by hand, and refuses to be surprised."""

    def __init__(self, bench: Any, rules: LimitRules) -> None:
        self._bench = bench
        self._rules = rules
        self._paused_until = 0.0
        self.charged: list[tuple[float, Permit]] = []

    def expected(self, lane: Lane) -> Refused | None:
        now, rules = self._bench.clock(), self._rules
        start, end, _ = rules.resets_around(now)
        if self._paused_until > now:
            return Refused(Bound.PAUSE, self._paused_until - now)
        if sum(at >= start for at, _ in self.charged) >= rules.day_limit(lane):
            return Refused(Bound.DAY, end - now)
        allowed = rules.minute_limit(lane)
        window = [at for at, _ in self.charged if at + rules.window_s > now]
        if len(window) < allowed:
            return None
        return Refused(Bound.MINUTE, (window[-allowed] if allowed else now) + rules.window_s - now)

    def admit(self, lane: Lane, process: int) -> None:
        answer = self._bench.processes[process].admit(call(lane))
        if refused := self.expected(lane):
            assert answer == refused
            return
        assert isinstance(answer, Granted)
        self.charged.append((self._bench.clock(), answer.permit))

    def advance(self, seconds: float) -> None:
        self._bench.advance(seconds)

    def wait_until_free(self, lane: Lane) -> None:
        """Pause, day and minute in turn: who waits as long as told is admitted at last."""
        for _ in range(3):
            if refused := self.expected(lane):
                self.advance(refused.wait_s)
        possible = self._rules.minute_limit(lane) > 0 and self._rules.day_limit(lane) > 0
        assert (self.expected(lane) is None) is possible

    def refund(self, back: int) -> None:
        if back >= len(self.charged):
            return
        at, permit = self.charged[-1 - back]
        if self._bench.clock() - at < self._rules.window_s:
            self._bench.processes[back % 2].refund(permit)
            del self.charged[-1 - back]

    def pause(self, seconds: float) -> None:
        self._bench.processes[0].pause("default", seconds, "429")
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
    st.tuples(st.just("pause"), st.integers(1, 90 * 64).map(lambda ticks: ticks * TICK_S)),
)


@settings(max_examples=150)
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
        sum(at <= each < at + 60 for each in times) <= rules["calls_per_minute"] for at in times
    )
    usage = bench.processes[0].usage("default")
    start = LimitRules(**rules).resets_around(bench.clock())[0]
    assert usage.day_used == sum(at >= start for at in times)


@pytest.mark.parametrize("back_s", [1.0, 45.0, 3600.0])
def test_a_clock_that_steps_back_lets_nothing_pass(limiter_bench: Make, back_s: float) -> None:
    bench = limiter_bench(calls_per_minute=2, calls_per_day=100)
    bench.advance(7200)
    admitted(bench.processes[0], 2)
    bench.advance(-back_s)
    assert bench.processes[0].admit(call()) == Refused(Bound.MINUTE, 61.0 + back_s)
