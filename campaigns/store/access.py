"""How the store asks Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.errors import Unavailable


def load_script(redis: Redis, name: str) -> Callable[..., Any]:
    """The Lua script of that name, sent to Redis when it is first used."""
    source = files("campaigns.store").joinpath(f"{name}.lua").read_text("utf-8")
    script: Callable[..., Any] = redis.register_script(source)
    return script


@contextmanager
def asking() -> Iterator[None]:
    """If Redis cannot answer, nothing is decided: Unavailable."""
    try:
        yield
    except RedisError as exc:
        raise Unavailable(f"the campaigns cannot be asked: {exc}") from exc


def text(value: Any) -> str:  # noqa: ANN401 - as loosely typed as redis-py
    """What Redis holds, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def blob(value: Any) -> bytes:  # noqa: ANN401 - as loosely typed as redis-py
    """What Redis holds, as bytes; none of them when it holds nothing."""
    return value if isinstance(value, bytes) else b""


def texts(found: Mapping[Any, Any]) -> dict[str, str]:
    """A hash as text."""
    return {text(name): text(value) for name, value in found.items()}


def numbers(found: Mapping[Any, Any]) -> dict[int, int]:
    """A hash of row numbers."""
    return {int(name): int(value) for name, value in found.items()}
