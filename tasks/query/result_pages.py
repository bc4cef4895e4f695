"""Large results: records that are held, and stored, as compressed pages."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import orjson

from revio_jobs.contracts import CustomerProductRecord

_RECORDS_A_PAGE = 500
# The fastest level; JSON of records still shrinks to a tenth.
_LEVEL = 1


class PageStore(Protocol):
    """Stores pages next to Celery's result, for as long as the result is kept."""

    def store(self, account: str, job_id: str, pages: Sequence[bytes]) -> dict[str, Any]:
        """Replace the job's pages. Returns what a reader needs to find them (JSON values).

        Raises Unavailable.
        """


class Harvest:
    """Collects a query's records part by part, each product once. Thread-safe.

    Beyond `inline_bytes` of JSON they are held compressed, which takes a thirtieth of the memory.
    """

    def __init__(self, inline_bytes: int) -> None:
        self._inline_bytes = inline_bytes
        self._pages: dict[int, list[bytes]] = {}
        self._bytes = 0
        self._lock = Lock()
        self.products: set[int] = set()
        """Ids of the products that were read."""

    @property
    def is_large(self) -> bool:
        return self._bytes > self._inline_bytes

    def add(self, part: int, records: Iterable[CustomerProductRecord]) -> None:
        """Add the records of part number `part`."""
        pages = list(map(orjson.dumps, _in_pages(self._new(records))))
        with self._lock:
            was_large = self.is_large
            self._bytes += sum(map(len, pages))
            self._pages[part] = pages
            if self.is_large:
                parts = [part] if was_large else list(self._pages)
                for number in parts:
                    plain = self._pages[number]
                    self._pages[number] = [zlib.compress(page, _LEVEL) for page in plain]

    def records(self) -> list[CustomerProductRecord]:
        """All records in the order of the parts; to be called only if the result is not large."""
        return [record for page in self._in_order() for record in orjson.loads(page)]

    def pages(self) -> list[bytes]:
        """All pages in the order of the parts, each a zlib of a JSON array; only if large."""
        return list(self._in_order())

    def _new(self, records: Iterable[CustomerProductRecord]) -> list[CustomerProductRecord]:
        new = {record["customer_product_id"]: record for record in records}
        with self._lock:
            seen = self.products & new.keys()
            self.products |= new.keys()
        return [record for product, record in new.items() if product not in seen]

    def _in_order(self) -> Iterator[bytes]:
        return (page for part in sorted(self._pages) for page in self._pages[part])


def _in_pages(
    records: Sequence[CustomerProductRecord],
) -> Iterator[Sequence[CustomerProductRecord]]:
    return (
        records[start : start + _RECORDS_A_PAGE]
        for start in range(0, len(records), _RECORDS_A_PAGE)
    )
