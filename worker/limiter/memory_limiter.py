"""The limits in memory, with an injected clock, for tests and the simulation."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit, Purpose
from worker.limiter.charge import (
    OTHER_SOURCES,
    count_tokens,
    counts_by_source,
    new_token,
    source_counter,
)
from worker.limiter.memory_account import MICRO, MINUTE_US, AccountNow, State, us
from worker.limiter.port import AccountLane, Granted, HealthChange, Refused, Usage
from worker.limiter.rules import LimitRules


class MemoryLimiter:
    """Implements the Limiter port for one process."""

    def __init__(self, rules: Mapping[str, LimitRules], clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._states: defaultdict[str, State] = defaultdict(State)
        self._offset = 0
        self._asked_at = 0

    def admit(
        self, call: Call, *, patience_s: float = 0.0, in_slot: bool = False
    ) -> Granted | Refused:
        account = self._account(call.account)
        if closed := account.closed(call.lane) or account.ends_day():
            return closed
        at, bound = account.ready(call.lane, in_slot=in_slot)
        is_delayed = at > account.now or account.exceeds_limit(call.lane)
        if is_delayed and call.lane is Lane.INTERACTIVE and not in_slot:
            account.note_delayed()
        if at > account.now:
            if at - account.now <= us(patience_s):
                account.note_slot(call.lane, at, in_slot=in_slot)
            return account.refused(bound, at)
        token = f"{new_token(call)}@{account.day_start}@{account.now}"
        account.charge(call, token)
        return Granted(Permit(call, token))

    def closed(self, account: str, lane: Lane) -> Refused | None:
        return self._account(account).closed(lane)

    def closed_among(self, lanes: Collection[AccountLane]) -> dict[AccountLane, Refused]:
        return {
            account_lane: refused
            for account_lane in lanes
            if (refused := self.closed(*account_lane))
        }

    def answered(self, permit: Permit) -> None:
        account = self._account(permit.call.account)
        state, admitted_at = account.state, int(permit.token.rpartition("@")[2])
        took = min(account.now - admitted_at, account.margin)
        transit_time = account.margin if state.transit_time is None else state.transit_time
        state.transit_time = transit_time + (took - transit_time) // 16
        if (place := account.place(permit)) is not None:
            del state.arrivals[place]
            insort(state.arrivals, (admitted_at + took, permit.token))

    def refund(self, permit: Permit) -> None:
        account = self._account(permit.call.account)
        place = account.place(permit)
        if place is None or account.state.arrivals[place][0] + MINUTE_US <= account.now:
            return
        del account.state.arrivals[place]
        day = account.state.days[int(permit.token.split("@")[1])]
        day.subtract(["calls", permit.call.purpose.value])
        if source := permit.call.source:
            counter = source_counter(source)
            day.subtract([counter if counter in day else source_counter(OTHER_SOURCES)])

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> int | None:
        view, lowered = self._account(account), None
        state, ends = view.state, view.now + us(seconds)
        if ends <= state.paused_until:
            return None
        if state.paused_until <= view.now:
            limit, count = view.limit(), len(view.minute())
            if minute_spent and count < limit * 9 // 10:
                lowered = max(limit * 7 // 10, view.rules.calls_per_minute // 10, 1)
                state.ceiling, state.ceiling_at = lowered, ends
            # Interactive calls went beyond a lowered limit, and evidently too far.
            state.post_pause_ceiling = count if count <= limit else count * 9 // 10
        state.paused_until, state.pause_reason, state.ramp_from = ends, reason, ends
        return lowered

    def close(self, account: str, reason: str) -> bool:
        view = self._account(account)
        state, was_closed = view.state, bool(view.state.closed_until)
        state.faults, state.breaker_open_until, state.probing = 0, 0, False
        state.closed_reason = reason
        if state.closed_until <= view.now:
            state.closed_until = view.now + us(view.rules.account_probe_interval_s)
        if not was_closed:
            state.closed_at = view.now
        return not was_closed

    def reopen(self, account: str) -> bool:
        state = self._account(account).state
        was_closed = bool(state.closed_until)
        state.closed_until, state.closed_reason, state.probing = 0, "", False
        return was_closed

    def report(self, account: str, *, healthy: bool) -> HealthChange | None:
        view = self._account(account)
        state = view.state
        state.faults = 0 if healthy else state.faults + 1
        if healthy:
            state.breaker_open_until = 0
            if state.probing:
                self.reopen(account)
                return HealthChange.ACCOUNT_OPENED
        if view.is_breaker_open():
            state.breaker_open_until = view.now + us(view.rules.breaker_probe_interval_s)
        opened = not healthy and state.faults == view.rules.breaker_faults
        return HealthChange.BREAKER_OPENED if opened else None

    def usage(self, account: str) -> Usage:
        view = self._account(account)
        state, paused = view.state, max(view.state.paused_until - view.now, 0)
        tokens = view.minute()
        purposes, lanes = count_tokens(tokens)
        return Usage(
            minute_used=len(tokens),
            minute_limit=view.rules.calls_per_minute,
            minute_ceiling=view.limit(),
            interactive_ceiling=view.allowed(Lane.INTERACTIVE),
            day_used=view.day["calls"],
            day_limit=view.rules.calls_per_day,
            day_resets_at=view.day_end / MICRO,
            paused_for_s=paused / MICRO,
            pause_reason=state.pause_reason if paused else "",
            faults_in_a_row=state.faults,
            breaker_rests_for_s=max(state.breaker_open_until - view.now, 0) / MICRO,
            closed_reason=state.closed_reason,
            closed_at=state.closed_at / MICRO if state.closed_until else None,
            bulk_headroom=view.headroom(),
            purposes_today={purpose.value: view.day[purpose.value] for purpose in Purpose},
            sources_today=counts_by_source(view.day),
            purposes_minute=purposes,
            lanes_minute=lanes,
            waits_s={lane.value: max(at - view.now, 0) / MICRO for lane, at in state.slots.items()},
        )

    def _account(self, name: str) -> AccountNow:
        return AccountNow(self._states[name], self._rules[name], self._now())

    def _now(self) -> int:
        """The clock's time, going on from where it was when it is set back."""
        now = us(self._clock()) + self._offset
        self._offset += max(self._asked_at - now, 0)
        self._asked_at = max(self._asked_at, now)
        return self._asked_at
