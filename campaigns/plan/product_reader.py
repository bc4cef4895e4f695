"""Reads current values for a plan: batched query jobs on the bulk lane, a few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from revio_jobs import (
    CustomerProduct,
    JobHandle,
    Lane,
    QueryJob,
    QueryResult,
    RevioJobs,
    UnreadableProduct,
)
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import Unreadable

_AT_A_TIME = 4

T = TypeVar("T")
_Read = CustomerProduct | UnreadableProduct


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
        """Vendor calls that were spent so far."""

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct | UnreadableProduct]]]:
        """Each batch with its products by id, or why one cannot be read. Raises RevioError."""
        asked = ((batch, QueryJob(account=self._account, ids=tuple(batch))) for batch in batches)
        for batch, answer in self._ahead(asked):
            products = _all_products(answer)
            yield batch, {product.customer_product_id or 0: product for product in products}

    def by_customer(
        self, customers: Sequence[int]
    ) -> Iterator[CustomerProduct | UnreadableProduct]:
        """All products of those customers, or why one cannot be read. Raises InvalidJob."""
        return self._all_of("customer_ids", customers)

    def by_line(self, lines: Sequence[int]) -> Iterator[_Read]:
        """All products on those lines, or why one cannot be read. Raises InvalidJob."""
        return self._all_of("line_ids", lines)

    def _all_of(
        self, owner: str, ids: Sequence[int]
    ) -> Iterator[CustomerProduct | UnreadableProduct]:
        size = self.ids_per_call
        parts = (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
        asked = (
            (part, decode(QueryJob, {"account": self._account, owner: part})) for part in parts
        )
        for _, result in self._ahead(asked):
            yield from _all_products(result)

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
                answer = handle.result(self._patience_s)
            except TimeoutError:
                self._on_wait()
            except Unreadable as exc:
                return what, _only_unreadable(exc)
            else:
                self.calls += answer.calls
                return what, answer


def _all_products(answer: QueryResult) -> Iterator[CustomerProduct | UnreadableProduct]:
    yield from answer.customer_products
    yield from answer.unreadable


def _only_unreadable(error: Unreadable) -> QueryResult:
    """A query of which no record could be read, as one that says so of each."""
    now = datetime.now(UTC)
    unreadable = tuple(map(UnreadableProduct.model_validate, error.products))
    return QueryResult(customer_products=(), unreadable=unreadable, fetched_at=now)
