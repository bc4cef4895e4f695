"""Loads Lua scripts, and fails closed if Redis does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from revio_jobs.errors import Unavailable


def load_script(redis: Redis, package: str, *names: str) -> Script:
    """The script of that file, after those with functions for it; sent when it is first used."""
    folder = files(package)
    return redis.register_script(
        "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
    )


@contextmanager
def fail_closed(what: str) -> Iterator[None]:
    """If Redis cannot answer, nothing is called and nothing is decided: Unavailable."""
    try:
        yield
    except RedisError as exc:
        raise Unavailable(f"{what} cannot be asked: {exc}") from exc
