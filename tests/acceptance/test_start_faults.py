"""Workers that start into a world that is not as it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from cli.dev.service import ServiceError
from cli.dev.stack import ROOT, Stack, local_stack
from revio_jobs import RevioJobs, errors
from revio_jobs.cluster_check import NO_CLUSTER
from tests.cluster_node import cluster_node
from tests.patience import PATIENCE_S

QUEUE = "revio.default.interactive"
ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"


@contextmanager
def stack_with(**environment: str) -> Iterator[tuple[Stack, RevioJobs]]:
    with (
        local_stack(
            workers={"interactive": (QUEUE,)},
            sandbox={"customers": 10},
            environment=environment,
        ) as stack,
        RevioJobs.connect(stack.redis.url) as jobs,
    ):
        yield stack, jobs


def test_a_worker_waits_for_a_redis_that_is_down_when_it_starts() -> None:
    with stack_with() as (stack, jobs):
        worker = stack.services["interactive"]
        worker.stop()
        stack.redis.kill()
        worker.start()
        worker.wait_until(lambda: "Cannot connect" in worker.output(), timeout_s=PATIENCE_S)
        stack.redis.restart()
        assert jobs.query(ids=[5001]).result(timeout=PATIENCE_S).missing_ids == ()


WRONG = {
    f"{ACCOUNT}ENDPOINT": ("http://api.example.com/v20/default.asmx", "https"),
    "REVIO_REDIS_URL": ("http://127.0.0.1:6379/0", "redis://"),
    "REVIO_LEASE_S": ("10", "at least"),
    f"{ACCOUNT}CALLS_PER_MINUTE": ("many", "CALLS_PER_MINUTE"),
}


def test_wrong_settings_stop_the_start_in_a_line_each(tmp_path: Path) -> None:
    environment = {
        **{key: held for key, held in os.environ.items() if not key.startswith("REVIO_")},
        "PYTHONPATH": str(ROOT),
        f"{ACCOUNT}USERNAME": "user",
        f"{ACCOUNT}PASSWORD": "not-to-be-seen",
        f"{ACCOUNT}CLIENT_CODE": "client",
        **{name: value for name, (value, _) in WRONG.items()},
    }
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker", "worker", "-Q", QUEUE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "not-to-be-seen" not in ended.stderr + ended.stdout
    for name, (_, says) in WRONG.items():
        [line] = [text for text in ended.stderr.splitlines() if text.startswith(name)]
        assert says in line


def test_a_worker_whose_start_meets_a_defect_ends_and_leaves_its_jobs_to_others() -> None:
    with stack_with() as (stack, jobs):
        worker = stack.services["interactive"]
        worker.stop()
        query = jobs.query(ids=[5001])
        half = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "tests.acceptance.defective_start", "worker"],
            env=stack.process_environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert half.returncode == 1
        assert "the worker cannot start: ValueError: I/O operation on closed file." in half.stderr
        assert "worker_start_failed" in half.stdout + half.stderr
        worker.start()
        assert query.result(timeout=PATIENCE_S).missing_ids == ()


def test_a_wsdl_that_is_none_is_named_and_the_worker_goes_on(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><body>Please log in</body></html>")
    with stack_with(**{f"{ACCOUNT}WSDL": str(page)}) as (stack, jobs):
        with pytest.raises(errors.Unavailable, match="WSDL"):
            jobs.query(ids=[5001]).result(timeout=PATIENCE_S)
        stack.services["interactive"].check()


def test_a_refused_login_is_not_repeated() -> None:
    with stack_with(**{f"{ACCOUNT}PASSWORD": "wrong"}) as (stack, jobs):
        with pytest.raises(errors.Unauthorised, match="login"):
            jobs.query(ids=[5001]).result(timeout=PATIENCE_S)
        updates = [jobs.update(id=5001 + number, rate="1") for number in range(5)]
        # Also those that come while the lane is closed, and no worker takes them.
        for _ in range(3):
            with pytest.raises(errors.Unauthorised, match="login"):
                jobs.query(ids=[5001]).result(timeout=PATIENCE_S)
        assert not any(update.done() for update in updates)
        assert [call["operation"] for call in stack.sandbox.calls(listed=True)["calls"]] == [
            "Sessions_Create"
        ]


def test_a_wrong_subscription_key_is_told() -> None:
    with (
        stack_with(**{f"{ACCOUNT}SUBSCRIPTION_KEY": "wrong"}) as (_, jobs),
        pytest.raises(errors.Unauthorised),
    ):
        jobs.query(ids=[5001]).result(timeout=PATIENCE_S)


def test_a_redis_that_evicts_is_refused_in_one_line() -> None:
    with (
        stack_with() as (stack, _),
        Redis.from_url(stack.redis.url) as redis,
    ):
        worker = stack.services["interactive"]
        worker.stop()
        redis.config_set("maxmemory-policy", "allkeys-lru")
        ended = subprocess.run(
            worker.command,
            env=worker.environment,
            cwd=worker.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 2
        [line] = ended.stderr.splitlines()
        assert "maxmemory-policy is allkeys-lru" in line
        assert "Traceback" not in ended.stdout


def test_a_redis_that_evicts_is_refused_also_when_it_comes_up_later() -> None:
    with stack_with() as (stack, jobs):
        worker = stack.services["interactive"]
        worker.stop()
        stack.redis.kill()
        worker.start()
        worker.wait_until(lambda: "Cannot connect" in worker.output(), timeout_s=PATIENCE_S)
        seen = len(worker.output())
        stack.redis.options = {**stack.redis.options, "maxmemory-policy": "volatile-lru"}
        stack.redis.restart()
        handle = jobs.query(ids=[5001])
        with pytest.raises(ServiceError, match="ended with code 2"):
            worker.wait_until(lambda: False, timeout_s=PATIENCE_S)
        assert "maxmemory-policy is volatile-lru" in worker.output()[seen:]
        assert "Traceback" not in worker.output()[seen:]
        assert not handle.done()
        assert stack.sandbox.calls()["received"] == 0


def test_a_redis_user_without_a_needed_permission_stops_the_start_and_is_named() -> None:
    with stack_with() as (stack, _), Redis.from_url(stack.redis.url) as redis:
        worker = stack.services["interactive"]
        worker.stop()
        redis.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-info")
        address = stack.redis.url.removeprefix("redis://")
        ended = subprocess.run(
            worker.command,
            env={**worker.environment, "REVIO_REDIS_URL": f"redis://app:pw@{address}"},
            cwd=worker.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 2
        [line] = ended.stderr.splitlines()
        assert "info" in line
        assert "ACL SETUSER" in line


@pytest.mark.parametrize("away", [signal.SIGSTOP, signal.SIGKILL])
def test_a_worker_that_is_told_to_stop_leaves_in_time_whatever_redis_does(
    away: signal.Signals,
) -> None:
    with stack_with(REVIO_STOP_GRACE_S="2") as (stack, _):
        worker, server = stack.services["interactive"], stack.redis.pid
        assert server
        os.kill(server, away)
        try:
            time.sleep(1)
            began = time.monotonic()
            worker.send(signal.SIGTERM)
            while worker.pid:
                # Without the deadline it takes minutes.
                assert time.monotonic() - began < 60
                time.sleep(0.1)
        finally:
            if away is signal.SIGSTOP:
                os.kill(server, signal.SIGCONT)


def test_a_worker_that_is_told_to_start_anew_does_so_in_time_while_redis_is_frozen() -> None:
    with stack_with(REVIO_STOP_GRACE_S="2") as (stack, _):
        worker, server = stack.services["interactive"], stack.redis.pid
        assert server
        first = worker.pid
        os.kill(server, signal.SIGSTOP)
        try:
            worker.send(signal.SIGHUP)
            worker.wait_until(
                lambda: "stopped_at_deadline" in worker.output(), timeout_s=PATIENCE_S
            )
        finally:
            os.kill(server, signal.SIGCONT)
        worker.wait_until(lambda: worker.output().count("worker_ready") == 2, timeout_s=PATIENCE_S)
        assert worker.pid == first


def test_everybody_refuses_a_node_of_a_cluster_in_the_same_line(tmp_path: Path) -> None:
    flower = ("celery", "-A", "worker", "flower", f"--conf={ROOT / 'deploy' / 'flower.py'}")
    with cluster_node(tmp_path) as node:
        stack = Stack(tmp_path, node, {})
        login = Path(stack.process_environment()["REVIO_SECRETS_DIR"], "flower_login")
        login.write_text("user:password", encoding="utf-8")
        stack.start_sandbox({"customers": 1})
        try:
            for words in (
                ("celery", "-A", "worker", "worker"),
                flower,
                ("cli", "audit"),
                ("cli", "doctor"),
            ):
                ended = subprocess.run(
                    [sys.executable, "-m", *words],
                    cwd=ROOT,
                    env=stack.process_environment(),
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=PATIENCE_S,
                )
                assert ended.returncode != 0, words
                assert NO_CLUSTER in " ".join((ended.stdout + ended.stderr).split()), words
                assert "Traceback" not in ended.stderr
        finally:
            stack.stop()
