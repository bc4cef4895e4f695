"""What probes see of a worker: that it lives, whatever Redis does, and that it takes jobs."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dev.service import Service
from cli.dev.stack import ROOT, Stack, local_stack
from revio_jobs.celery_app import producer_app
from tests.patience import wait_until
from worker.celery_app.heartbeat import HEARTBEAT_INTERVAL_S

QUEUE = "revio.default.bulk"
PROBE = ROOT / "deploy" / "probe.sh"
LONG_AGO = 1_000_000_000


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": 4},
        environment={"REVIO_HEARTBEAT_DIR": str(tmp_path / "beats")},
    ) as running:
        yield running


class Probe:
    """The probe, as an orchestrator calls it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, name: str) -> bool:
        environment = {"PATH": os.environ["PATH"], "REVIO_HEARTBEAT_DIR": str(self._directory)}
        return subprocess.run(["sh", PROBE, name], env=environment, check=False).returncode == 0

    def age(self, name: str) -> None:
        """Make the file so old that only another touch can satisfy the probe."""
        os.utime(self._directory / name, (LONG_AGO, LONG_AGO))


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    return Probe(tmp_path / "beats")


def test_a_worker_lives_while_redis_is_away_and_is_ready_when_it_is_back(
    stack: Stack, probe: Probe
) -> None:
    worker = stack.services["bulk"]
    pid = worker.pid
    wait_until(lambda: probe("alive") and probe("ready"))

    stack.redis.kill()
    wait_until(lambda: not probe("ready"))
    probe.age("alive")
    wait_until(lambda: probe("alive"))
    assert not probe("ready")

    stack.redis.restart()
    wait_until(lambda: probe("ready"))
    probe.age("ready")
    wait_until(lambda: probe("ready"))
    assert worker.pid == pid

    worker.stop()
    assert not probe("alive")
    assert not probe("ready")


def test_a_worker_that_waits_for_redis_from_its_start_lives_and_is_not_ready(
    stack: Stack, probe: Probe
) -> None:
    worker = stack.services["bulk"]
    worker.stop()
    stack.redis.kill()
    worker.start()
    wait_until(lambda: "Cannot connect" in worker.output())
    assert probe("alive")
    assert not probe("ready")


def test_a_worker_that_hangs_is_seen(stack: Stack, probe: Probe) -> None:
    worker = stack.services["bulk"]
    wait_until(lambda: probe("alive"))
    worker.send(signal.SIGSTOP)
    try:
        probe.age("alive")
        time.sleep(HEARTBEAT_INTERVAL_S + 1)
        assert not probe("alive")
    finally:
        worker.send(signal.SIGCONT)
    wait_until(lambda: probe("alive"))


def test_a_worker_whose_loop_stands_still_says_where_it_stands_and_counts_as_dead(
    stack: Stack, probe: Probe
) -> None:
    stack.services["bulk"].stop()
    standing = Service(
        "standing",
        [
            *(sys.executable, "-m", "celery", "-A", "tests.acceptance.standing_worker"),
            *("worker", "-Q", QUEUE, "-n", "standing@local"),
        ],
        {**stack.process_environment(), "REVIO_STOP_GRACE_S": "1"},
        stack.directory,
    )
    standing.start()
    try:
        wait_until(lambda: "worker_ready" in standing.output())
        with producer_app(stack.redis.url) as app:
            app.control.broadcast("stand_still")
        wait_until(lambda: "loop_stands_still" in standing.output())
        probe.age("alive")
        time.sleep(HEARTBEAT_INTERVAL_S + 1)
        assert not probe("alive")
        standing.send(signal.SIGTERM)
        wait_until(lambda: standing.pid is None)
    finally:
        standing.kill()
    for event in ("loop_stands_still", "stopped_at_deadline"):
        [line] = [line for line in standing.output().splitlines() if event in line]
        assert "stand_still (acceptance/standing_worker.py:" in line


def test_the_probe_costs_less_than_the_start_of_python(tmp_path: Path) -> None:
    def cpu_s(command: list[str | Path]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(10):
            subprocess.run(command, env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    (tmp_path / "alive").touch()
    environment = {"PATH": os.environ["PATH"], "REVIO_HEARTBEAT_DIR": str(tmp_path)}
    assert cpu_s(["sh", PROBE, "alive"]) < cpu_s([sys.executable, "-c", "pass"])
