"""What the suites share: one Redis of their own, emptied for each test, and the `revio` command."""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from celery.result import AsyncResult
from hypothesis import HealthCheck, settings
from redis import Redis

from cli.command import main
from cli.dev import service
from sandbox.local.children import spawn
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.warm_start import WarmStarts

# How long an example takes tells how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("any-machine"), max_examples=2000)
settings.load_profile("any-machine")


def pytest_configure() -> None:
    """What is imported to collect tests is no garbage; to look for some takes as long again."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_what_tests_start() -> None:
    """A shell's background job ignores Ctrl-C, and so would every process that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def warm_starts() -> Iterator[WarmStarts | None]:
    """Of all services, where a process can be bound to the one that forked it."""
    if sys.platform != "linux":
        yield None
        return
    starts = WarmStarts(spawn)
    with pytest.MonkeyPatch.context() as patch, closing(starts):
        patch.setattr(service, "spawn", starts.spawn)
        yield starts


@pytest.fixture(scope="session", autouse=True)
def _results_are_collected_in_peace() -> Iterator[None]:
    """Celery's results unsubscribe when they are collected, and try for 20 s if Redis has gone.

    That would hold up whatever runs in the thread that happens to collect garbage, in any test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(AsyncResult, "__del__")
        yield


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command, and a worker's start, says for the whole process where its log goes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    with embedded_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@dataclass(frozen=True)
class Said:
    """What a command line ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Revio = Callable[..., Said]


@pytest.fixture
def revio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Revio:
    """Runs `revio` with these arguments and exactly these variables of ours, where no .env is."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, env: Mapping[str, str] | None = None) -> Said:
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", {"XDG_CACHE_HOME": str(tmp_path), **(env or {})})
            capsys.readouterr()
            code = main(arguments)
            return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def as_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes standard error a terminal from then on, on which nothing is too short to be shown."""

    def become() -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("cli.answer._QUIET_S", 0.0)

    return become
