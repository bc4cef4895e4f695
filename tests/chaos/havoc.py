"""What goes wrong: workers, Redis, producers and the vendor, at times that a seed decides."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cli.dev.service import Service
from cli.dev.stack import Stack
from sandbox.local.traced_redis import TracedRedis
from tests.chaos.plan import Size

# Each with its share of the calls: 20 % in all.
VENDOR_FAULTS = {
    "reset-after": 0.03,
    "reset-before": 0.02,
    "silent-after": 0.02,
    "silent-before": 0.01,
    "http-500-before": 0.03,
    "http-500-after": 0.01,
    "throttled-429": 0.005,
    "truncated-xml": 0.035,
    "expired-session": 0.04,
}

RULES: dict[str, dict[str, object]] = {
    "throttled-429": {"seconds": 1},
    # A login that fails so makes the account rest for a quarter of an hour, as it should.
    "expired-session": {"operation": "CustomerProducts_Update"},
}

# From a page that must be read from disk to a silence at which all give their connections up.
LONGEST_REDIS_STALL_S = 8.0


class Havoc:
    """Runs in the thread that started the stack: children die with the thread they came from."""

    def __init__(
        self,
        stack: Stack,
        workers: list[str],
        producers: Mapping[str, Service],
        size: Size,
        chance: random.Random,
        *,
        stall_s: float,
        appendfsync: str,
    ) -> None:
        self._stack = stack
        self._workers = workers
        self._producers = producers
        self._chance = chance
        self._stall_s = stall_s
        deeds = (
            [self._kill_worker] * size.worker_kills
            + [self._kill_redis] * size.redis_kills
            + [self._stall_worker] * size.stalls
            + [self._stall_redis] * size.redis_stalls
            + [self._kill_producer] * size.producer_kills
            + [self._cut_power_of_redis] * (size.power_cuts - size.power_cuts // 2)
            + [self._cut_all_power] * (size.power_cuts // 2)
        )
        chance.shuffle(deeds)
        self._deeds: list[Callable[[], None]] = deeds
        self._pauses = [chance.uniform(0.2, 1.8) * size.spread_s / len(deeds) for _ in deeds]
        self._traced = TracedRedis(stack.redis, appendfsync) if size.power_cuts else None
        self.done: Counter[str] = Counter()
        self.unsynced_bytes = 0
        """What the power cuts took."""

    def begin(self) -> None:
        if self._traced:
            self._traced.start()
        for name, share in VENDOR_FAULTS.items():
            rule = RULES.get(name, {})
            self._stack.sandbox.fault(name, rate=share, **rule)

    def run(self) -> None:
        for pause, deed in zip(self._pauses, self._deeds, strict=True):
            time.sleep(pause)
            deed()
            self.done[deed.__name__.strip("_")] += 1

    def end(self) -> None:
        """The vendor is well again."""
        self._stack.sandbox.clear_faults()

    def _kill_worker(self) -> None:
        worker = self._stack.services[self._chance.choice(self._workers)]
        worker.kill()
        worker.start()

    def _stall_worker(self) -> None:
        worker = self._stack.services[self._chance.choice(self._workers)]
        worker.send(signal.SIGSTOP)
        time.sleep(self._stall_s)
        worker.send(signal.SIGCONT)

    def _stall_redis(self) -> None:
        redis = self._stack.redis.pid
        assert redis
        os.kill(redis, signal.SIGSTOP)
        time.sleep(self._chance.uniform(0.0, LONGEST_REDIS_STALL_S))
        os.kill(redis, signal.SIGCONT)

    def _kill_redis(self) -> None:
        self._stack.redis.kill()
        time.sleep(self._chance.uniform(0.0, 1.0))
        self._stack.redis.restart()

    def _cut_power_of_redis(self) -> None:
        assert self._traced
        self.unsynced_bytes += self._traced.cut_power()
        time.sleep(self._chance.uniform(0.0, 0.5))
        self._traced.start()

    def _cut_all_power(self) -> None:
        workers = [self._stack.services[name] for name in self._workers]
        for worker in workers:
            worker.kill()
        self._cut_power_of_redis()
        for worker in workers:
            worker.start()

    def _kill_producer(self) -> None:
        producer = self._producers[self._chance.choice(sorted(self._producers))]
        producer.kill()
        producer.start()
