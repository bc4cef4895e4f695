"""A sentinel process that watches one master."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from sandbox.local.children import spawn
from sandbox.local.embedded_redis import find_program

_HOST = "127.0.0.1"


def start_sentinel(
    directory: Path,
    port: int,
    master_port: int,
    master_password: str,
    *,
    quorum: int = 1,
    options: Mapping[str, str] | None = None,
    program: str | None = None,
) -> subprocess.Popen[bytes]:
    """Returns at once. `options`: further lines of its configuration."""
    name = DEFAULT_SENTINEL_MASTER
    lines = [
        f"bind {_HOST}",
        f"port {port}",
        f"dir {directory}",
        *(f"{option} {value}" for option, value in (options or {}).items()),
        f"sentinel monitor {name} {_HOST} {master_port} {quorum}",
        f'sentinel auth-pass {name} "{master_password}"',
        f"sentinel down-after-milliseconds {name} 700",
        f"sentinel failover-timeout {name} 4000",
    ]
    config = directory / f"sentinel-{port}-{master_port}.conf"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with config.with_suffix(".log").open("wb") as log:
        return spawn([program or find_program(), str(config), "--sentinel"], output=log)
