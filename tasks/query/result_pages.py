"""Large results: records held and stored as compressed pages."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import orjson

from revio_jobs.contracts import CustomerProductRecord

_RECORDS_A_PAGE = 500
# The quickest: JSON of records shrinks to a tenth even so.
_LEVEL = 1


class PageStore(Protocol):
    """Where pages lie beside Celery's result, for as long as that does."""

    def store(self, account: str, job_id: str, pages: Sequence[bytes]) -> dict[str, Any]:
        """Replaces the job's pages; the answer tells a reader where they are (JSON values).

        Raises Unavailable.
        """


class Harvest:
    """A query's records, part by part as they come, each product once. Any thread may add.

    More than `inline_bytes` of JSON are held compressed: they take a thirtieth of the memory.
    """

    def __init__(self, inline_bytes: int) -> None:
        self._inline_bytes = inline_bytes
        self._pages: dict[int, list[bytes]] = {}
        self._bytes = 0
        self._lock = Lock()
        self.products: set[int] = set()
        """Ids of what was found."""

    @property
    def is_large(self) -> bool:
        return self._bytes > self._inline_bytes

    def add(self, part: int, records: Iterable[CustomerProductRecord]) -> None:
        """The records of the part of that number."""
        pages = list(map(orjson.dumps, _in_pages(self._new(records))))
        with self._lock:
            was_large = self.is_large
            self._bytes += sum(map(len, pages))
            self._pages[part] = pages
            if self.is_large:
                parts = [part] if was_large else list(self._pages)
                for each in parts:
                    self._pages[each] = [zlib.compress(page, _LEVEL) for page in self._pages[each]]

    def records(self) -> list[CustomerProductRecord]:
        """All, in the order of the parts, if they are not large."""
        return [record for page in self._in_order() for record in orjson.loads(page)]

    def pages(self) -> list[bytes]:
        """All, in the order of the parts, if they are large: zlib of a JSON array each."""
        return list(self._in_order())

    def _new(self, records: Iterable[CustomerProductRecord]) -> list[CustomerProductRecord]:
        new = {each["customer_product_id"]: each for each in records}
        with self._lock:
            seen = self.products & new.keys()
            self.products |= new.keys()
        return [each for product, each in new.items() if product not in seen]

    def _in_order(self) -> Iterator[bytes]:
        return (page for part in sorted(self._pages) for page in self._pages[part])


def _in_pages(
    records: Sequence[CustomerProductRecord],
) -> Iterator[Sequence[CustomerProductRecord]]:
    return (
        records[start : start + _RECORDS_A_PAGE]
        for start in range(0, len(records), _RECORDS_A_PAGE)
    )
