"""Lua scripts on Redis, and what a silent Redis means for those who depend on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.errors import Unavailable


def load_script(redis: Redis, package: str, name: str) -> Callable[..., Any]:
    """The script of that file, sent to Redis when it is first used."""
    source = files(package).joinpath(f"{name}.lua").read_text("utf-8")
    script: Callable[..., Any] = redis.register_script(source)
    return script


@contextmanager
def fail_closed(what: str) -> Iterator[None]:
    """If Redis cannot answer, nothing is called and nothing is decided: Unavailable."""
    try:
        yield
    except RedisError as exc:
        raise Unavailable(f"{what} cannot be asked: {exc}") from exc
