"""What the text of a message says of its job, for readers that do not run it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from revio_jobs.contracts.names import SOURCE_HEADER
from worker.queues.message_body import decode_body


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message as a queue holds it, or a worker. Empty where it is not as Celery makes it."""

    headers: Mapping[str, Any]
    kwargs: Mapping[str, Any]

    @classmethod
    def parse(cls, text: bytes | str) -> Self:
        """Never raises: the worker will refuse what cannot be read."""
        message = _object(text)
        return cls(_mapping(message.get("headers")), _kwargs(message))

    @property
    def job_id(self) -> str | None:
        """Celery's task id."""
        return self.headers.get("id")

    @property
    def source(self) -> str | None:
        """The service that submitted it, by its kwarg or header."""
        source = self.kwargs.get("source", self.headers.get(SOURCE_HEADER))
        return source if isinstance(source, str) else None


def _kwargs(message: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        body = decode_body(message)
    except ValueError:
        return {}
    match body:
        case [_, dict() as kwargs, *_]:
            return kwargs
        case _:
            return {}


def _object(text: bytes | str) -> Mapping[str, Any]:
    return _mapping(_parsed(text))


def _parsed(text: bytes | str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
