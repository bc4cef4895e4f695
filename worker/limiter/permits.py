"""Waits for permits: shortly in the thread that needs one, not at all when it would take long."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from tasks.errors import QuotaExhausted, Throttled, Unavailable
from tasks.ports import Call, Permit
from worker.limiter.port import Bound, Granted, Limiter, Refused

_log = structlog.get_logger(__name__)


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
        give_up = self._clock() + self._max_wait_s
        while True:
            answer = self._limiter.admit(call)
            if isinstance(answer, Granted):
                return answer.permit
            if self._clock() + answer.wait_s > give_up:
                raise self._too_long(answer)
            # Many wait for the same moment; each takes what has become free then, in turn.
            self._sleep(answer.wait_s)

    def _too_long(self, refused: Refused) -> Throttled | QuotaExhausted:
        if refused.bound is Bound.DAY:
            return QuotaExhausted(self._clock() + refused.wait_s)
        return Throttled(refused.wait_s, refused.bound.value)

    def refund(self, permit: Permit) -> None:
        try:
            self._limiter.refund(permit)
        except Unavailable as exc:
            # The call stays charged: too careful, never too fast.
            _log.warning("refund_failed", account=permit.call.account, error=str(exc))

    def pause(self, account: str, seconds: float, reason: str) -> None:
        self._limiter.pause(account, seconds, reason)
        _log.warning("calls_paused", account=account, seconds=seconds, reason=reason)
