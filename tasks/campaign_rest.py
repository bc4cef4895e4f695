"""How long a feeder leaves the vendor alone after a reading that failed."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import QuotaExhausted, RevioError, Throttled

_FIRST_S = 1.0
_LONGEST_S = 60.0


@dataclass
class VendorRest:
    """Twice as long each time, up to a minute; a limit says itself how long."""

    _next_s: float = _FIRST_S
    _until: float = 0.0

    def is_over(self, now: float) -> bool:
        """Whether another reading may be tried."""
        return now >= self._until

    def after(self, error: RevioError, now: float) -> str:
        """Begin a rest; says why, in words that change little while it lasts."""
        self._next_s, rest_s = min(self._next_s * 2, _LONGEST_S), self._next_s
        match error:
            case Throttled():
                rest_s, says = error.retry_after, "no call is free just now"
            case QuotaExhausted():
                rest_s = error.until - now
                says = f"the day's calls are spent for {max(rest_s, 0) / 3600:.1f} h"
            case _:
                says = str(error)
        # Limits may be raised meanwhile, so even a long wait is looked at now and then.
        self._until = now + min(max(rest_s, 0.0), _LONGEST_S)
        return says
