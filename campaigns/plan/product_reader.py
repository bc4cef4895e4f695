"""Reads current values for a plan: batched query jobs on the bulk lane, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from revio_jobs import CustomerProduct, JobHandle, Lane, QueryJob, QueryResult, RevioJobs
from revio_jobs.contracts.decode import decode

_AT_A_TIME = 4

T = TypeVar("T")


class ProductReader:
    """Each query is one vendor call, counted and limited like every other."""

    def __init__(
        self,
        jobs: RevioJobs,
        account: str,
        ids_per_call: int,
        *,
        on_wait: Callable[[], None] = lambda: None,
        patience_s: float = 10.0,
    ) -> None:
        """`on_wait` is told each time that a query has taken another `patience_s`; it goes on."""
        self._jobs = jobs
        self._account = account
        self.ids_per_call = ids_per_call
        self._on_wait = on_wait
        self._patience_s = patience_s
        self.calls = 0
        """Spent so far."""

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct]]]:
        """Each batch with its products by id. Raises RevioError."""
        asked = ((batch, QueryJob(account=self._account, ids=tuple(batch))) for batch in batches)
        for batch, found in self._ahead(asked):
            yield batch, {each.customer_product_id: each for each in found.customer_products}

    def by_customer(self, customers: Sequence[int]) -> Iterator[CustomerProduct]:
        """All products of those customers. Raises InvalidJob for what is not a customer's id."""
        return self._all_of("customer_ids", customers)

    def by_line(self, lines: Sequence[int]) -> Iterator[CustomerProduct]:
        """All products on those lines. Raises InvalidJob for what is not a line's id."""
        return self._all_of("line_ids", lines)

    def _all_of(self, owner: str, ids: Sequence[int]) -> Iterator[CustomerProduct]:
        size = self.ids_per_call
        parts = (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
        asked = (
            (part, decode(QueryJob, {"account": self._account, owner: part})) for part in parts
        )
        for _, result in self._ahead(asked):
            yield from result.customer_products

    def _ahead(self, asked: Iterable[tuple[T, QueryJob]]) -> Iterator[tuple[T, QueryResult]]:
        """The results in order, while the next queries are on their way."""
        pending: deque[tuple[T, JobHandle[QueryResult]]] = deque()
        for what, job in asked:
            pending.append((what, self._jobs.submit([job], Lane.BULK)[0]))
            if len(pending) == _AT_A_TIME:
                yield self._collected(*pending.popleft())
        while pending:
            yield self._collected(*pending.popleft())

    def _collected(self, what: T, handle: JobHandle[QueryResult]) -> tuple[T, QueryResult]:
        while True:
            try:
                found = handle.result(self._patience_s)
            except TimeoutError:
                self._on_wait()
            else:
                self.calls += found.calls
                return what, found
