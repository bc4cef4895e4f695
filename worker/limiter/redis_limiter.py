"""The limits in Redis: one script per decision, by Redis's clock, shared by all hosts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis import Redis

from revio_jobs.contracts import Lane
from revio_jobs.errors import Unavailable
from tasks.ports import Call, Permit
from worker.limiter.charge import MOST_SOURCES, CallKeys, new_token
from worker.limiter.port import AccountLane, Bound, Granted, HealthChange, Refused, Usage
from worker.limiter.redis_clock import CLOCK_KEY, MICRO, RedisClock
from worker.limiter.redis_usage import read_usage
from worker.limiter.rules import LimitRules
from worker.redis_kit.scripts import fail_closed, load_script

# A little over a day, so that a day can be verified after it has ended.
_RECORD_FOR_MS = 26 * 3600 * 1000
_TRIES = 4
_CLOSES = ("paused_until", "faults", "rests_until", "closed_until")


class RedisLimiter:
    """Implements the Limiter port on Redis."""

    def __init__(
        self,
        redis: Redis,
        rules: Mapping[str, LimitRules],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._rules = rules
        self._clock = clock  # Only to guess which day it is; Redis's clock decides.
        self._redis_clock = RedisClock(redis, monotonic)
        self._admit = load_script(redis, "worker.limiter", "admit")
        self._refund = load_script(redis, "worker.limiter", "refund")
        self._pause = load_script(redis, "worker.limiter", "pause")
        self._report = load_script(redis, "worker.limiter", "report")
        self._close = load_script(redis, "worker.limiter", "close")
        self._faulty: set[str] = set()
        self._monotonic = monotonic
        self._arrived: Mapping[str, deque[tuple[str, int]]] = {name: deque() for name in rules}
        """By account: answered calls, each with its latest possible arrival."""

    def admit(
        self, call: Call, *, patience_s: float = 0.0, in_slot: bool = False
    ) -> Granted | Refused:
        token, guess = new_token(call), self._clock()
        arrived = self._take_arrived(call.account)
        with fail_closed("the limiter"):
            for _ in range(_TRIES):
                asked_at = self._own_us()
                answer = self._ask(call, token, guess, patience_s, arrived, in_slot=in_slot)
                if answer[0] != -1:
                    break
                # It is another day than we guessed, or a clock has jumped.
                guess = int(answer[1]) / MICRO
                self._redis_clock.follow()
            else:
                raise Unavailable("Redis's clock cannot be relied on")
        at = answer[1].decode()
        self._redis_clock.note(int(at))
        if answer[0] == 0:
            reason = answer[4].decode() if len(answer) > 4 else ""  # noqa: PLR2004 - admit.lua's
            return Refused(Bound(answer[2].decode()), int(answer[3]) / MICRO, reason)
        day_start = answer[2].decode()
        (self._faulty.add if answer[3] else self._faulty.discard)(call.account)
        return Granted(Permit(call, f"{at}:{token}@{day_start}@{asked_at}"))

    def _ask(
        self,
        call: Call,
        token: str,
        guess: float,
        patience_s: float,
        arrived: Iterable[str | int],
        *,
        in_slot: bool,
    ) -> list[Any]:
        keys, rules = CallKeys(call.account), self._rules[call.account]
        answer: list[Any] = self._admit(
            keys=[
                keys.arrivals,
                keys.state,
                keys.record,
                keys.day_prefix,
                CLOCK_KEY,
            ],
            args=[
                token,
                call.purpose.value,
                call.lane.value,
                call.job_id or "",
                rules.calls_per_minute,
                _us(rules.window_s),
                rules.bulk_headroom_per_minute,
                rules.min_reserve,
                rules.day_limit(call.lane),
                rules.burst,
                int(rules.bulk_spread and call.lane is Lane.BULK),
                _us(rules.recovery_s),
                rules.breaker_faults,
                _us(rules.breaker_probe_interval_s),
                _us(rules.account_probe_interval_s),
                *(int(reset) for reset in rules.resets_around(guess)),
                int(in_slot),
                _us(patience_s),
                self._redis_clock.not_after(),
                _RECORD_FOR_MS,
                call.source,
                MOST_SOURCES,
                *arrived,
            ],
        )
        return answer

    def closed(self, account: str, lane: Lane) -> Refused | None:
        account_lane = account, lane
        return self.closed_among([account_lane]).get(account_lane)

    def closed_among(self, lanes: Collection[AccountLane]) -> dict[AccountLane, Refused]:
        if not lanes:
            return {}
        with fail_closed("the limiter"):
            now, wall = self._redis_clock.follow(), float(self._redis.time()[0])
            with self._redis.pipeline(transaction=False) as pipeline:
                for account, _ in lanes:
                    keys, (start, _, _) = CallKeys(account), self._resets(account, wall)
                    pipeline.hmget(keys.state, *_CLOSES, "closed_reason")
                    pipeline.hget(keys.day(start), "calls")
                answers = pipeline.execute()
        return {
            account_lane: refused
            for account_lane, state, calls in zip(lanes, answers[::2], answers[1::2], strict=True)
            if (refused := self._refused(account_lane, state, int(calls or 0), now, wall))
        }

    def _resets(self, account: str, wall: float) -> tuple[float, float, float]:
        return self._rules[account].resets_around(wall)

    def _refused(
        self, account_lane: AccountLane, state: Sequence[Any], calls: int, now: int, wall: float
    ) -> Refused | None:
        account, lane = account_lane
        rules, (_, end, _) = self._rules[account], self._resets(account, wall)
        paused_until, faults, breaker_open_until, closed_until = (
            int(value or 0) for value in state[:-1]
        )
        if paused_until > now:
            return Refused(Bound.PAUSE, (paused_until - now) / MICRO)
        if closed_until > now:
            reason = (state[-1] or b"").decode()
            return Refused(Bound.ACCOUNT, (closed_until - now) / MICRO, reason)
        if 0 < rules.breaker_faults <= faults and breaker_open_until > now:
            return Refused(Bound.BREAKER, (breaker_open_until - now) / MICRO)
        if calls >= rules.day_limit(lane):
            return Refused(Bound.DAY, end - wall)
        return None

    def answered(self, permit: Permit) -> None:
        # Redis learns of it with the next question: the place is not needed within a minute.
        entry, _, asked_at = permit.token.split("@")
        # We asked before Redis read its clock, so the arrival is estimated late rather than early.
        took = self._own_us() - int(asked_at)
        margin_us = _us(self._rules[permit.call.account].window_margin_s)
        arrived_at = int(entry.partition(":")[0]) + min(took, margin_us)
        self._arrived[permit.call.account].append((entry, arrived_at))

    def _take_arrived(self, account: str) -> list[str | int]:
        queue, taken = self._arrived[account], list[str | int]()
        with suppress(IndexError):
            while True:
                taken += queue.popleft()
        return taken

    def _own_us(self) -> int:
        return _us(self._monotonic())

    def refund(self, permit: Permit) -> None:
        entry, day_start, _ = permit.token.split("@")
        keys = CallKeys(permit.call.account)
        with fail_closed("the limiter"):
            self._refund(
                keys=[keys.arrivals, keys.day_prefix + day_start, keys.record, CLOCK_KEY],
                args=[
                    entry,
                    entry.partition(":")[2],
                    permit.call.purpose.value,
                    permit.call.source,
                ],
            )

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> int | None:
        keys, rules = CallKeys(account), self._rules[account]
        with fail_closed("the limiter"):
            _, lowered = self._pause(
                keys=[keys.arrivals, keys.state, CLOCK_KEY],
                args=[
                    _us(seconds),
                    reason,
                    int(minute_spent),
                    rules.calls_per_minute,
                    _us(rules.recovery_s),
                    _us(rules.window_s),
                ],
            )
        return int(lowered) or None

    def close(self, account: str, reason: str) -> bool:
        probe_in_us = _us(self._rules[account].account_probe_interval_s)
        with fail_closed("the limiter"):
            was_open = self._close(
                keys=[CallKeys(account).state, CLOCK_KEY], args=[reason, probe_in_us]
            )
        return bool(was_open)

    def refusal(self, account: str) -> str | None:
        """Why the account is closed; None if it is open. Raises Unavailable."""
        with fail_closed("the limiter"):
            reason = self._redis.hget(CallKeys(account).state, "closed_reason")
        return reason.decode() if reason else None  # type: ignore[union-attr] # bytes

    def reopen(self, account: str) -> bool:
        fields = ("closed_until", "closed_reason", "closed_at", "probing")
        with fail_closed("the limiter"):
            return bool(self._redis.hdel(CallKeys(account).state, *fields))

    def report(self, account: str, *, healthy: bool) -> HealthChange | None:
        if healthy and account not in self._faulty:
            return None
        rules = self._rules[account]
        with fail_closed("the limiter"):
            faults = self._report(
                keys=[CallKeys(account).state, CLOCK_KEY],
                args=[int(healthy), rules.breaker_faults, _us(rules.breaker_probe_interval_s)],
            )
        (self._faulty.add if faults > 0 else self._faulty.discard)(account)
        if faults < 0:
            return HealthChange.ACCOUNT_OPENED
        return HealthChange.BREAKER_OPENED if 0 < faults == rules.breaker_faults else None

    def usage(self, account: str) -> Usage:
        with fail_closed("the limiter"):
            now = self._redis_clock.now()
            return read_usage(self._redis, account, self._rules[account], now)


def _us(seconds: float) -> int:
    return round(seconds * MICRO)
