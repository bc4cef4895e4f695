"""Large results: the pages that are stored next to Celery's result, and how to read them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter
from redis import Redis

from revio_jobs.contracts import CustomerProduct

_READ_AT_ONCE = 4
_PAGE = TypeAdapter(tuple[CustomerProduct, ...])


def pages_key(account: str, job_id: str) -> str:
    """The Redis list of a job's pages."""
    return f"revio:{account}:pages:{job_id}"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a large result is: a Redis list, each item the zlib stream of a JSON array."""

    key: str
    count: int

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self | None:
        """From a query's result; None if it is complete as it stands."""
        pages = result.get("pages")
        return cls(pages["key"], pages["count"]) if pages else None

    def ranges(self) -> Iterator[tuple[int, int]]:
        """First and last index of the pages to read together."""
        for start in range(0, self.count, _READ_AT_ONCE):
            yield start, min(start + _READ_AT_ONCE, self.count) - 1


def read_pages(redis: Redis, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
    """The products page by page, a few pages in memory at a time.

    Raises LookupError when the pages have expired.
    """
    for start, end in pages.ranges():
        packed: list[Any] = redis.lrange(pages.key, start, end)
        yield from unpack(packed, end - start + 1)


def unpack(packed: list[bytes], expected: int) -> Iterator[tuple[CustomerProduct, ...]]:
    """Raises LookupError when some have expired."""
    if len(packed) < expected:
        raise LookupError("the pages of the result have expired")
    return (_PAGE.validate_json(zlib.decompress(page)) for page in packed)
