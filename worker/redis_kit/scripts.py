"""Loads Lua scripts, and fails closed if Redis does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from revio_jobs.errors import Unavailable


def load_script(redis: Redis, package: str, name: str) -> Script:
    """The script of that file, sent to Redis when it is first used."""
    return redis.register_script(files(package).joinpath(f"{name}.lua").read_text("utf-8"))


@contextmanager
def fail_closed(what: str) -> Iterator[None]:
    """If Redis cannot answer, nothing is called and nothing is decided: Unavailable."""
    try:
        yield
    except RedisError as exc:
        raise Unavailable(f"{what} cannot be asked: {exc}") from exc
