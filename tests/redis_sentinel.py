"""A sentinel process that watches one master."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from sandbox.local.children import kill, spawn
from sandbox.local.embedded_redis import find_program, free_port
from tests.patience import PATIENCE_S

OWN_PASSWORD = "the sentinel's own #1"

_HOST = "127.0.0.1"


@contextmanager
def sentinel_of(
    directory: Path,
    master_port: int,
    master_password: str,
    *,
    options: Mapping[str, str] | None = None,
    program: str | None = None,
) -> Iterator[int]:
    """The port of a sentinel that knows the master, and asks for OWN_PASSWORD.

    It calls no master down, however late a busy machine lets it answer.
    """
    port = free_port()
    given = {**(options or {}), "requirepass": f'"{OWN_PASSWORD}"'}
    process = start_sentinel(
        directory,
        port,
        master_port,
        master_password,
        down_after_s=PATIENCE_S,
        options=given,
        program=program,
    )
    try:
        with Redis(port=port, password=OWN_PASSWORD) as sentinel:
            gives_up = time.monotonic() + PATIENCE_S
            while not _knows_master(sentinel):
                assert time.monotonic() < gives_up, "not in time"
                time.sleep(0.02)
        yield port
    finally:
        kill(process)


def start_sentinel(
    directory: Path,
    port: int,
    master_port: int,
    master_password: str,
    *,
    quorum: int = 1,
    down_after_s: float = 0.7,
    options: Mapping[str, str] | None = None,
    program: str | None = None,
) -> subprocess.Popen[bytes]:
    """Returns at once. `options`: further lines of its configuration.

    `down_after_s`: how long a master may be silent before another one takes its place.
    """
    name = DEFAULT_SENTINEL_MASTER
    lines = [
        f"bind {_HOST}",
        f"port {port}",
        f"dir {directory}",
        *(f"{option} {value}" for option, value in (options or {}).items()),
        f"sentinel monitor {name} {_HOST} {master_port} {quorum}",
        *([f'sentinel auth-pass {name} "{master_password}"'] if master_password else []),
        f"sentinel down-after-milliseconds {name} {down_after_s * 1000:.0f}",
        f"sentinel failover-timeout {name} 4000",
    ]
    config = directory / f"sentinel-{port}-{master_port}.conf"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with config.with_suffix(".log").open("wb") as log:
        return spawn([program or find_program(), str(config), "--sentinel"], output=log)


def _knows_master(sentinel: Redis) -> bool:
    try:
        return bool(sentinel.sentinel_master(DEFAULT_SENTINEL_MASTER)["flags"] == "master")
    except RedisError:
        return False  # it does not listen yet
