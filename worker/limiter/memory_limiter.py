"""The limits in memory, with a clock of the caller's choice: for tests and simulation."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tasks.ports import Call, Permit, Purpose
from worker.limiter.port import Bound, Granted, Refused, Usage
from worker.limiter.rules import LimitRules


@dataclass
class _Account:
    minute: deque[tuple[float, str]] = field(default_factory=deque)
    """The latest admissions, newest first."""
    days: defaultdict[float, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    paused_until: float = 0.0
    pause_reason: str = ""


class MemoryLimiter:
    """Implements the Limiter port for one process."""

    def __init__(self, rules: Mapping[str, LimitRules], clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)
        self._tokens = itertools.count()

    def admit(self, call: Call) -> Granted | Refused:
        rules, account, now = self._rules[call.account], self._accounts[call.account], self._clock()
        day_start, day_end, _ = rules.resets_around(now)
        if account.paused_until > now:
            return Refused(Bound.PAUSE, account.paused_until - now)
        day = account.days[day_start]
        if day["calls"] >= rules.day_limit(call.lane):
            return Refused(Bound.DAY, day_end - now)
        allowed = rules.minute_limit(call.lane)
        if allowed < 1:
            return Refused(Bound.MINUTE, rules.window_s)
        if len(account.minute) >= allowed:
            free_at = account.minute[allowed - 1][0] + rules.window_s
            if free_at > now:
                return Refused(Bound.MINUTE, free_at - now)
        token = f"{next(self._tokens)}@{day_start}"
        account.minute.appendleft((now, token))
        while len(account.minute) > rules.calls_per_minute:
            account.minute.pop()
        day.update(["calls", call.purpose.value])
        return Granted(Permit(call, token))

    def refund(self, permit: Permit) -> None:
        account = self._accounts[permit.call.account]
        charged = [entry for entry in account.minute if entry[1] == permit.token]
        if not charged:
            return
        account.minute.remove(charged[0])
        day = account.days[float(permit.token.partition("@")[2])]
        day.subtract(["calls", permit.call.purpose.value])

    def pause(self, account: str, seconds: float, reason: str) -> None:
        state, ends = self._accounts[account], self._clock() + seconds
        if ends > state.paused_until:
            state.paused_until, state.pause_reason = ends, reason

    def usage(self, account: str) -> Usage:
        rules, state, now = self._rules[account], self._accounts[account], self._clock()
        start, end, _ = rules.resets_around(now)
        paused_for = max(state.paused_until - now, 0.0)
        return Usage(
            minute_used=sum(at > now - rules.window_s for at, _ in state.minute),
            minute_limit=rules.calls_per_minute,
            day_used=state.days[start]["calls"],
            day_limit=rules.calls_per_day,
            day_resets_at=end,
            paused_for_s=paused_for,
            pause_reason=state.pause_reason if paused_for else "",
            purposes_today={each.value: state.days[start][each.value] for each in Purpose},
        )
