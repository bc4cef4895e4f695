"""What the record of charges proves, of real charges and of forged ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from revio_jobs.contracts import Lane
from tasks.ports import Call, Purpose
from worker.limiter import Granted, LimitRules, RedisLimiter
from worker.limiter.call_record import CallRecord, Charge, LimitProof, Refund, prove
from worker.limiter.charge import CallKeys

RULES = LimitRules(calls_per_minute=5, calls_per_day=50)
CALL = Call("default", Lane.INTERACTIVE, Purpose.UPDATE, "job")
MICRO = 1_000_000
NOON = 1_767_614_400.0


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def charge(at: float, number: int = 0) -> Charge:
    return Charge(round(at * MICRO), at, f"{number}")


def proof_of(*times: float, rules: LimitRules = RULES) -> LimitProof:
    return prove([charge(at, number) for number, at in enumerate(times)], rules)


def test_the_record_of_a_busy_limiter_proves_its_limits(redis: Redis) -> None:
    rules = replace(RULES, calls_per_minute=40)
    limiters = [RedisLimiter(redis, {"default": rules}) for _ in range(3)]

    def ask(limiter: RedisLimiter, chance: Random) -> None:
        for _ in range(60):
            answer = limiter.admit(CALL)
            if isinstance(answer, Granted) and chance.random() < 0.3:
                limiter.refund(answer.permit)

    threads = [
        threading.Thread(target=ask, args=(limiter, Random(seed)))
        for seed, limiter in enumerate(limiters)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proof = prove(CallRecord(redis, "default").entries(), rules)
    usage = limiters[0].usage("default")
    assert proof.limits_held
    assert proof.calls == proof.most_in_a_minute == usage.minute_used
    assert [day.calls for day in proof.days] == [usage.day_used]


def test_a_forged_record_is_found_out(redis: Redis) -> None:
    key = CallKeys("default").record
    for number in range(2_500):
        at = NOON + number * 12.5
        redis.xadd(key, {"at": round(at * MICRO), "token": number}, id=f"{round(at * 1000)}-0")
    proof = prove(CallRecord(redis, "default").entries(), RULES)
    assert (proof.calls, proof.most_in_a_minute) == (2_500, 5)
    # 6,912 calls fit into a day by the minute, but only 50 are allowed.
    assert [(breach.window, breach.limit) for breach in proof.breaches] == [("day", 50)]
    last = NOON + 2_499 * 12.5
    redis.xadd(key, {"at": round(last * MICRO), "token": "x"}, id=f"{round(last * 1000)}-1")
    proof = prove(CallRecord(redis, "default").entries(since=last - 60), RULES)
    minute = proof.breaches[0]
    assert not proof.limits_held
    assert (minute.window, minute.calls, minute.limit) == ("minute", 6, 5)
    assert (minute.began_at, minute.ended_at) == (last - 50, last)


def test_a_refunded_call_is_none_though_its_refund_is_late() -> None:
    charges = [charge(NOON + number, number) for number in range(6)]
    assert not prove(charges, RULES).limits_held
    proof = prove([*charges, Refund(NOON + 60, "2")], RULES)
    assert proof.limits_held
    assert (proof.calls, proof.refunds, proof.most_in_a_minute) == (5, 1, 5)


def test_minutes_that_overlap_are_one_breach() -> None:
    crowd = [NOON + number for number in range(70)]
    proof = proof_of(*crowd, NOON + 900, *(NOON + 1000 for _ in range(6)))
    minutes = [breach for breach in proof.breaches if breach.window == "minute"]
    assert [
        (moment.calls, moment.began_at - NOON, moment.ended_at - NOON) for moment in minutes
    ] == [
        (60, 0, 69),
        (6, 1000, 1000),
    ]
    assert proof.breach_count == 3


def test_a_day_begins_at_its_reset() -> None:
    rules = replace(RULES, calls_per_day=2, day_reset_hour=12)
    assert proof_of(NOON - 200, NOON - 100, NOON, NOON + 100, rules=rules).limits_held
    assert not proof_of(NOON, NOON + 100, NOON + 200, rules=rules).limits_held


def test_nothing_recorded_proves_nothing_wrong(redis: Redis) -> None:
    proof = prove(CallRecord(redis, "default").entries(), RULES)
    assert (proof.limits_held, proof.calls, proof.first_at) == (True, 0, None)


@given(st.lists(st.integers(0, 100_000), max_size=60).map(sorted), st.integers(1, 6))
def test_the_proof_counts_as_one_would_by_hand(times_ms: list[int], limit: int) -> None:
    times = [NOON + at / 1000 for at in times_ms]
    proof = proof_of(*times, rules=replace(RULES, calls_per_minute=limit, calls_per_day=1_000))
    counts = [sum(at - 60_000 < moment <= at for moment in times_ms) for at in times_ms]
    # Equal times count up to each of them; the last of them sees all.
    assert proof.most_in_a_minute == max(counts, default=0)
    assert proof.limits_held == (max(counts, default=0) <= limit)
