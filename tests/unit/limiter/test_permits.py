from __future__ import annotations

import pytest

from revio_jobs.contracts import Lane
from revio_jobs.errors import QuotaExhausted, Throttled, Unavailable
from tasks.ports import Call, Permit, Purpose
from worker.limiter import LimitRules, MemoryLimiter, WaitingPermits

CALL = Call("default", Lane.INTERACTIVE, Purpose.UPDATE)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def waiting(clock: Clock, *, calls_per_day: int = 100) -> WaitingPermits:
    rules = LimitRules(calls_per_minute=2, calls_per_day=calls_per_day)
    return WaitingPermits(MemoryLimiter({"default": rules}, clock), 5.0, clock, clock.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_free_call_is_given_without_a_wait(clock: Clock) -> None:
    waiting(clock).acquire(CALL)
    assert clock.slept == []


def test_a_short_wait_is_waited_out(clock: Clock) -> None:
    permits = waiting(clock)
    permits.acquire(CALL)
    permits.acquire(CALL)
    clock.now += 57
    permits.acquire(CALL)
    assert clock.slept == [4.0]


def test_an_answer_tells_when_its_call_had_arrived(clock: Clock) -> None:
    permits = waiting(clock)
    permit = permits.acquire(CALL)
    permits.acquire(CALL)
    clock.now += 0.25
    permits.answered(permit)
    clock.now += 59.0
    permits.acquire(CALL)
    permits.acquire(CALL)
    assert clock.slept == [1.0, 0.75]


def test_a_long_wait_is_told_at_once(clock: Clock) -> None:
    permits = waiting(clock)
    permits.acquire(CALL)
    permits.acquire(CALL)
    clock.now += 20
    with pytest.raises(Throttled) as caught:
        permits.acquire(CALL)
    assert (caught.value.retry_after, caught.value.bound) == (41.0, "minute")
    assert clock.slept == []


def test_waits_that_follow_each_other_end_in_time(clock: Clock) -> None:
    permits = waiting(clock)

    def sleep_while_another_takes_the_call(seconds: float) -> None:
        clock.sleep(seconds)
        others.acquire(CALL)

    impatient = WaitingPermits(permits._limiter, 5.0, clock, sleep_while_another_takes_the_call)
    others = permits
    others.acquire(CALL)
    clock.now += 2
    others.acquire(CALL)
    clock.now += 56
    with pytest.raises(Throttled) as caught:
        impatient.acquire(CALL)
    assert sum(clock.slept) <= 5.0
    assert caught.value.retry_after > 5.0 - sum(clock.slept)


def test_a_spent_day_says_when_it_ends(clock: Clock) -> None:
    permits = waiting(clock, calls_per_day=1)
    permits.acquire(CALL)
    with pytest.raises(QuotaExhausted) as caught:
        permits.acquire(CALL)
    assert caught.value.until == 1_036_800.0


def test_a_pause_is_told_with_its_name(clock: Clock) -> None:
    permits = waiting(clock)
    permits.pause("default", 30.0, "429")
    with pytest.raises(Throttled) as caught:
        permits.acquire(CALL)
    assert (caught.value.retry_after, caught.value.bound) == (30.0, "pause")


def test_a_refunded_call_is_free_again(clock: Clock) -> None:
    permits = waiting(clock)
    permits.acquire(CALL)
    permits.refund(permits.acquire(CALL))
    permits.acquire(CALL)
    assert clock.slept == []


def test_a_refund_that_cannot_be_told_stays_charged(clock: Clock) -> None:
    class Silent(MemoryLimiter):
        def refund(self, permit: Permit) -> None:
            raise Unavailable("Redis is away")

    rules = LimitRules(calls_per_minute=2, calls_per_day=9)
    permits = WaitingPermits(Silent({"default": rules}, clock), 5.0, clock, clock.sleep)
    permits.refund(permits.acquire(CALL))
