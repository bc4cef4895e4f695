"""Both implementations of each port, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.reservation import Reservations
from revio_jobs.reservation_outcome import Reservation
from sandbox.local.embedded_redis import EmbeddedRedis
from worker.ledger import (
    Auditor,
    DeadLetter,
    DeadLetters,
    LedgerTimes,
    MemoryLedger,
    RedisLedger,
)
from worker.limiter import Limiter, LimitRules, MemoryLimiter, RedisLimiter

MICRO = 1_000_000
# 2100: what a script lets end at a time of day does not end in a test. Full seconds and their 64ths
# are exact both as floats and as microseconds.
START = 4_102_444_800 * MICRO
CLOCK_KEY = "test:clock"


class Clock:
    def __init__(self) -> None:
        self.now_us = START

    def __call__(self) -> float:
        return self.now_us / MICRO

    def advance(self, seconds: float) -> None:
        self.now_us += round(seconds * MICRO)


class ClockedRedis(Redis):
    """A real Redis whose scripts and `time` read the test's clock; keys end by it, too."""

    clock: Clock
    stepped_us = 0

    def monotonic(self) -> float:
        """A process's own clock, which does not step."""
        return (self.clock.now_us - self.stepped_us) / MICRO

    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.stepped_us += round(seconds * MICRO)
        self.advance(seconds)

    def follow(self, clock: Clock) -> None:
        self.clock, self.stepped_us = clock, 0
        self.flushdb()
        self._tell()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._tell()
        for key in self.keys():
            left_ms = self.pttl(key)
            if left_ms >= 0:
                self.pexpire(key, max(left_ms - round(seconds * 1000), 0))

    def register_script(self, script: str) -> Any:
        told = f"redis.call('LRANGE', '{CLOCK_KEY}', 0, 1)"
        return super().register_script(script.replace("redis.call('TIME')", told))

    def time(self, **_: Any) -> tuple[int, int]:
        return divmod(self.clock.now_us, MICRO)

    def _tell(self) -> None:
        with self.pipeline() as pipeline:
            pipeline.delete(CLOCK_KEY)
            pipeline.rpush(CLOCK_KEY, *divmod(self.clock.now_us, MICRO))
            pipeline.execute()


@pytest.fixture(scope="session")
def clocked_redis(redis_server: EmbeddedRedis) -> Iterator[ClockedRedis]:
    with ClockedRedis.from_url(redis_server.url.removesuffix("/0") + "/1") as redis:
        yield redis


@dataclass(frozen=True)
class LimiterBench:
    processes: tuple[Limiter, ...]
    clock: Clock
    advance: Callable[[float], None]
    step: Callable[[float], None]
    """Somebody sets the clock."""
    monotonic: Callable[[], float]
    """True time."""


MakeLimiter = Callable[..., LimiterBench]


@pytest.fixture(scope="session")
def memory_limiter_bench() -> MakeLimiter:
    def make(**rules: Any) -> LimiterBench:
        clock = Clock()
        limiter = MemoryLimiter(accounts(rules), clock)
        return LimiterBench((limiter, limiter), clock, clock.advance, clock.advance, clock)

    return make


@pytest.fixture(scope="session")
def redis_limiter_bench(clocked_redis: ClockedRedis) -> MakeLimiter:
    def make(**rules: Any) -> LimiterBench:
        clock, redis = Clock(), clocked_redis
        redis.follow(clock)
        # The second host's clock is three days off.
        processes = (
            RedisLimiter(redis, accounts(rules), clock, redis.monotonic),
            RedisLimiter(redis, accounts(rules), lambda: clock() - 3 * 86_400, redis.monotonic),
        )
        return LimiterBench(processes, clock, redis.advance, redis.step, redis.monotonic)

    return make


@pytest.fixture(scope="session", params=["memory", "redis"])
def limiter_bench(request: pytest.FixtureRequest) -> MakeLimiter:
    """Makes a bench of two processes that share an account "default" of the given rules."""
    made: MakeLimiter = request.getfixturevalue(f"{request.param}_limiter_bench")
    return made


def accounts(rules: Mapping[str, Any]) -> dict[str, LimitRules]:
    return {name: LimitRules(**rules) for name in ("default", "other")}


@dataclass(frozen=True)
class LedgerBench:
    ledger: MemoryLedger | RedisLedger
    reserve: Callable[[UpdateJob, str, Lane], Reservation]
    dead_letters: Callable[[str], Iterable[DeadLetter]]
    """By account; the newest first."""
    auditor: Auditor | None
    """Of the account "default"; the ledger in memory has none."""
    clock: Clock
    advance: Callable[[float], None]


MakeLedger = Callable[[LedgerTimes], LedgerBench]


def memory_ledger_bench(times: LedgerTimes) -> LedgerBench:
    clock = Clock()
    ledger = MemoryLedger(times, clock)
    return LedgerBench(ledger, ledger.reserve, ledger.dead_letters, None, clock, clock.advance)


@pytest.fixture(scope="session")
def redis_ledger_bench(clocked_redis: ClockedRedis) -> MakeLedger:
    def make(times: LedgerTimes) -> LedgerBench:
        clock = Clock()
        clocked_redis.follow(clock)

        def encode(_job: UpdateJob, job_id: str, _lane: Lane) -> str:
            return job_id

        ledger = RedisLedger(clocked_redis, times, encode, clock=clocked_redis.monotonic)
        reserve = Reservations(clocked_redis).reserve
        dead_letters = DeadLetters(clocked_redis, encode).find
        auditor = Auditor(clocked_redis, "default")
        return LedgerBench(ledger, reserve, dead_letters, auditor, clock, clocked_redis.advance)

    return make


@pytest.fixture(scope="session", params=["memory", "redis"])
def ledger_bench(request: pytest.FixtureRequest, redis_ledger_bench: MakeLedger) -> MakeLedger:
    return redis_ledger_bench if request.param == "redis" else memory_ledger_bench
