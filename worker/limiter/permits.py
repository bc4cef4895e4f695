"""Waits for permits: in the calling thread if the wait is short, not at all if it is long."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

import structlog

from revio_jobs.errors import QuotaExhausted, Throttled, Unauthorised, Unavailable
from tasks.ports import Call, Permit
from worker.limiter.port import Bound, Granted, HealthChange, Limiter, Refused

_log = structlog.get_logger(__name__)


def asking(
    limiter: Limiter, call: Call, max_wait_s: float, clock: Callable[[], float]
) -> Generator[float, None, Permit]:
    """Yields the seconds to wait before the next question, and returns the permit.

    The caller does the waiting: a thread that sleeps, or an actor in simulated time. Raises
    Throttled or QuotaExhausted if the wait would exceed `max_wait_s` in total, and Unauthorised if
    the vendor refuses the account.
    """
    give_up, in_slot = clock() + max_wait_s, False
    while True:
        patience = max(give_up - clock(), 0.0)
        answer = limiter.admit(call, patience_s=patience, in_slot=in_slot)
        if isinstance(answer, Granted):
            return answer.permit
        if answer.wait_s > patience or answer.bound is Bound.ACCOUNT:
            raise _too_long(answer, clock())
        yield answer.wait_s
        in_slot = True


def _too_long(refused: Refused, now: float) -> Throttled | QuotaExhausted | Unauthorised:
    if refused.bound is Bound.ACCOUNT:
        return Unauthorised(refused.reason)
    if refused.bound is Bound.DAY:
        return QuotaExhausted(now + refused.wait_s)
    return Throttled(refused.wait_s, refused.bound.value)


class WaitingPermits:
    """Implements the Permits port on a Limiter."""

    def __init__(
        self,
        limiter: Limiter,
        max_wait_s: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limiter = limiter
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._sleep = sleep

    def acquire(self, call: Call) -> Permit:
        waits = asking(self._limiter, call, self._max_wait_s, self._clock)
        while True:
            try:
                self._sleep(next(waits))
            except StopIteration as done:
                permit: Permit = done.value
                return permit

    def answered(self, permit: Permit) -> None:
        self._limiter.answered(permit)

    def refund(self, permit: Permit) -> None:
        try:
            self._limiter.refund(permit)
        except Unavailable as exc:
            # The call stays charged: we may be slower than allowed, never faster.
            _log.warning("refund_failed", account=permit.call.account, error=str(exc))

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        lowered = self._limiter.pause(account, seconds, reason, minute_spent=minute_spent)
        _log.warning("calls_paused", account=account, seconds=round(seconds, 1), reason=reason)
        if lowered is not None:
            _log.warning(
                "ceiling_lowered",
                account=account,
                calls_per_minute=lowered,
                reason="the vendor's minute was used up while ours was not: others use the key",
            )

    def close(self, account: str, reason: str) -> None:
        if self._limiter.close(account, reason):
            fix = "correct the login, key or address; revio lane resume tries it at once"
            _log.error("account_closed", account=account, reason=reason, fix=fix)

    def report(self, account: str, *, healthy: bool) -> None:
        try:
            change = self._limiter.report(account, healthy=healthy)
        except Unavailable as exc:
            _log.warning("report_failed", account=account, error=str(exc))
            return
        match change:
            case HealthChange.BREAKER_OPENED:
                reason = "the vendor fails call by call"
                _log.warning("breaker_opened", account=account, reason=reason)
            case HealthChange.ACCOUNT_OPENED:
                _log.warning("account_opened", account=account)
