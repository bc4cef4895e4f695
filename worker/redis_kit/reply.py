"""Redis's replies as text and numbers, since redis-py's types say little about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(value: Any) -> str:  # noqa: ANN401 - as loosely typed as redis-py
    """A value as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def blob(value: Any) -> bytes:  # noqa: ANN401 - as loosely typed as redis-py
    """A value as bytes; empty if the key does not exist."""
    return value if isinstance(value, bytes) else b""


def texts(reply: Mapping[Any, Any]) -> dict[str, str]:
    """A hash as text."""
    return {text(name): text(value) for name, value in reply.items()}


def numbers(reply: Mapping[Any, Any]) -> dict[int, int]:
    """A hash of numbers by number."""
    return {int(name): int(value) for name, value in reply.items()}
