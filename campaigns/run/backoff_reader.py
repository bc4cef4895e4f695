"""Reads products for the feeder, and leaves the vendor alone for a while after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from campaigns.run.ports import Products
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.errors import Permanent, QuotaExhausted, Retryable, Throttled
from tasks.ports import UnreadableRecord

_FIRST_S = 1.0
_LONGEST_S = 60.0


class BackoffReader:
    """Backs off twice as long after each failure, up to a minute; a limit says how long itself."""

    def __init__(self, products: Products, clock: Callable[[], float]) -> None:
        self._products = products
        self._clock = clock
        self._next_s = _FIRST_S
        self._until = 0.0
        self.backing_off = ""
        """Why nothing can be read, in words that change little while it lasts; "" if it can."""

    def read(
        self, ids: Sequence[int]
    ) -> Mapping[int, CustomerProductRecord | UnreadableRecord] | None:
        """The existing products by id; None if they cannot be read now."""
        if self._clock() < self._until:
            return None
        try:
            products = self._products.read(ids)
        except (Retryable, Permanent) as exc:
            self.backing_off = self._backoff_after(exc)
            return None
        self._next_s, self.backing_off = _FIRST_S, ""
        return products

    def _backoff_after(self, error: Retryable | Permanent) -> str:
        now = self._clock()
        self._next_s, backoff_s = min(self._next_s * 2, _LONGEST_S), self._next_s
        match error:
            case Throttled():
                backoff_s, says = error.retry_after, "no call is free just now"
            case QuotaExhausted():
                backoff_s = error.until - now
                says = f"the day's calls are spent for {max(backoff_s, 0) / 3600:.1f} h"
            case _:
                says = str(error)
        # Limits may be raised in the meantime, so even a long wait is checked now and then.
        self._until = now + min(max(backoff_s, 0.0), _LONGEST_S)
        return says
