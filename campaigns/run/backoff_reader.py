"""Reads products for the feeder, and leaves the vendor alone for a while after a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from campaigns.run.backoff import Backoff
from campaigns.run.ports import Products
from campaigns.run.state import READ_FAILS, READ_REFUSED
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.errors import Permanent, QuotaExhausted, Retryable, Throttled
from tasks.ports import UnreadableRecord


class BackoffReader:
    """Backs off longer after each failure; a limit says how long itself."""

    def __init__(self, products: Products, clock: Callable[[], float]) -> None:
        self._products = products
        self._clock = clock
        self._backoff = Backoff(clock)
        self.backing_off = ""
        """Why nothing can be read, in words that change little while it lasts; "" if it can."""

    def read(
        self, ids: Sequence[int]
    ) -> Mapping[int, CustomerProductRecord | UnreadableRecord] | None:
        """The existing products by id; None if they cannot be read now."""
        if not self._backoff.is_over:
            return None
        try:
            products = self._products.read(ids)
        except (Retryable, Permanent) as exc:
            self.backing_off = self._backoff_after(exc)
            return None
        self._backoff.reset()
        self.backing_off = ""
        return products

    def _backoff_after(self, error: Retryable | Permanent) -> str:
        backoff_s: float | None = None
        match error:
            case Throttled():
                backoff_s, says = error.retry_after, "no call is free just now"
            case QuotaExhausted():
                backoff_s = max(error.until - self._clock(), 0.0)
                says = f"the day's calls are spent for {backoff_s / 3600:.1f} h"
            case Permanent():
                says = f"{READ_REFUSED}: {error}"
            case _:
                says = f"{READ_FAILS}: {error}"
        self._backoff.fail(backoff_s)
        return says
