"""The limits in Redis: one script a decision, Redis's clock, shared by all hosts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from redis import Redis

from tasks.ports import Call, Permit, Purpose
from worker.limiter.port import Bound, Granted, Refused, Usage
from worker.limiter.rules import LimitRules
from worker.scripts import fail_closed, load_script

_MICRO = 1_000_000


class RedisLimiter:
    """Implements the Limiter port on Redis."""

    def __init__(
        self,
        redis: Redis,
        rules: Mapping[str, LimitRules],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._rules = rules
        self._clock = clock  # only to guess which day it is; Redis's clock decides
        self._admit = load_script(redis, "worker.limiter", "admit")
        self._refund = load_script(redis, "worker.limiter", "refund")
        self._pause = load_script(redis, "worker.limiter", "pause")

    def admit(self, call: Call) -> Granted | Refused:
        rules = self._rules[call.account]
        token = uuid.uuid4().hex[:16]
        with fail_closed("the limiter"):
            answer = self._ask(call, rules, token, self._clock())
            if answer[0] == -1:
                # Our clock and Redis's are on different days.
                answer = self._ask(call, rules, token, float(answer[1]))
        if answer[0] == 1:
            return Granted(Permit(call, f"{answer[1].decode()}:{token}@{answer[2].decode()}"))
        return Refused(Bound(answer[1].decode()), int(answer[2]) / _MICRO)

    def _ask(self, call: Call, rules: LimitRules, token: str, now: float) -> list[Any]:
        keys = _Keys(call.account)
        answer: list[Any] = self._admit(
            keys=[keys.minute, keys.pause, keys.day_prefix],
            args=[
                token,
                call.purpose.value,
                rules.calls_per_minute,
                rules.minute_limit(call.lane),
                round(rules.window_s * _MICRO),
                rules.day_limit(call.lane),
                *(int(reset) for reset in rules.resets_around(now)),
            ],
        )
        return answer

    def refund(self, permit: Permit) -> None:
        entry, _, day_start = permit.token.partition("@")
        keys = _Keys(permit.call.account)
        with fail_closed("the limiter"):
            self._refund(
                keys=[keys.minute, keys.day_prefix + day_start],
                args=[entry, permit.call.purpose.value],
            )

    def pause(self, account: str, seconds: float, reason: str) -> None:
        with fail_closed("the limiter"):
            self._pause(keys=[_Keys(account).pause], args=[round(seconds * _MICRO), reason])

    def usage(self, account: str) -> Usage:
        rules, keys = self._rules[account], _Keys(account)
        with fail_closed("the limiter"):
            seconds, micros = self._redis.time()
            now = seconds + micros / _MICRO
            start, end, _ = rules.resets_around(now)
            with self._redis.pipeline() as pipeline:
                pipeline.lrange(keys.minute, 0, -1)
                pipeline.hgetall(f"{keys.day_prefix}{int(start)}")
                pipeline.hgetall(keys.pause)
                admissions, day, pause = pipeline.execute()
        times = [int(entry.split(b":")[0]) / _MICRO for entry in admissions]
        counts = {name.decode(): int(count) for name, count in day.items()}
        paused_for = max(int(pause.get(b"until", 0)) / _MICRO - now, 0.0)
        return Usage(
            minute_used=sum(at > now - rules.window_s for at in times),
            minute_limit=rules.calls_per_minute,
            day_used=counts.get("calls", 0),
            day_limit=rules.calls_per_day,
            day_resets_at=end,
            paused_for_s=paused_for,
            pause_reason=pause.get(b"reason", b"").decode() if paused_for else "",
            purposes_today={each.value: counts.get(each.value, 0) for each in Purpose},
        )


class _Keys:
    def __init__(self, account: str) -> None:
        self.minute = f"revio:{account}:calls:minute"
        self.pause = f"revio:{account}:calls:pause"
        self.day_prefix = f"revio:{account}:calls:day:"
