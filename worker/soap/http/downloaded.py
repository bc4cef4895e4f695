"""A document that is downloaded again only if it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from worker.soap.http.wire import HttpResponse


@dataclass(frozen=True, slots=True)
class Downloaded:
    body: bytes
    conditions: Mapping[str, str]
    """Headers that ask for it only if it has changed since."""

    @classmethod
    def of(cls, http: HttpResponse, body: bytes) -> Self:
        asked = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
        return cls(
            body,
            {asked[name]: http.headers[name] for name in asked if http.headers.get(name)},
        )
