"""Each row of docs/operators/celery-commands.md: it holds, or it is refused with the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import Lane, RevioJobs
from revio_jobs.celery_app import producer_app
from tests.acceptance.watching import wait_until
from tests.patience import PATIENCE_S
from worker.celery_app.refusals import COMMANDS, OPTIONS, SUBCOMMANDS

BULK = "revio.default.bulk"
ARGUMENTS = {
    "rate_limit": {"task_name": "revio.customer_products.update", "rate_limit": "1/m"},
    "time_limit": {"task_name": "revio.customer_products.update", "hard": 1},
    "revoke_by_stamped_headers": {"headers": {"a": "b"}},
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(workers={"one": (BULK,), "two": (BULK,)}) as running:
        yield running


@pytest.fixture
def raw(stack: Stack) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app


def celery(stack: Stack, *arguments: str, timeout_s: float = 40) -> tuple[int, str]:
    """Exit code, and everything that was said."""
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker", *arguments],
        env=os.environ | stack.environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        (
            ("worker", "-P", "prefork", "--autoscale", "10,2"),
            {
                f"celery worker --pool: {OPTIONS['--pool']}",
                f"celery worker --autoscale: {OPTIONS['--autoscale']}",
            },
        ),
        (("amqp", "repl"), {f"celery amqp: {SUBCOMMANDS['amqp']}"}),
    ],
)
def test_what_would_not_hold_is_refused_at_once_with_the_way_to_do_it(
    stack: Stack, arguments: tuple[str, ...], refused: set[str]
) -> None:
    code, said = celery(stack, *arguments)
    assert code != 0
    assert set(said.splitlines()) == refused


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_would_not_hold_is_refused_by_every_worker(
    raw: Celery, command: str
) -> None:
    replies = raw.control.broadcast(command, arguments=ARGUMENTS.get(command), reply=True)
    assert len(replies) == 2
    for reply in replies:
        [answer] = reply.values()
        assert COMMANDS[command] in answer["error"]


def test_purge_refuses_and_drops_nothing(stack: Stack, raw: Celery, jobs: RevioJobs) -> None:
    code, said = celery(stack, "purge", "-f")
    assert code != 0
    assert "revio withdraw" in said
    assert "Traceback" not in said


def test_cancel_consumer_drains_one_worker_until_add_consumer_brings_it_back(
    raw: Celery, jobs: RevioJobs
) -> None:
    def served() -> dict[str, list[str]]:
        replies = raw.control.inspect().active_queues() or {}
        return {node: [queue["name"] for queue in queues] for node, queues in replies.items()}

    one, two = sorted(served())
    [reply] = raw.control.cancel_consumer(BULK, destination=[one], reply=True)
    assert "ok" in reply[one]
    wait_until(lambda: served() == {one: [], two: [BULK]})
    # Longer than lanes take to be opened and closed.
    for key in range(20):
        jobs.update(id=5001 + key, rate="3.5", lane=Lane.BULK).result(timeout=PATIENCE_S)
    assert served() == {one: [], two: [BULK]}
    raw.control.add_consumer(BULK, destination=[one], reply=True)
    wait_until(lambda: served() == {one: [BULK], two: [BULK]})
    [reply] = raw.control.add_consumer("strange", destination=[one], reply=True)
    assert "is not a lane of default" in reply[one]["error"]


def test_a_log_file_and_a_level_are_heeded(stack: Stack, tmp_path: Path) -> None:
    log = tmp_path / "%n.log"
    arguments = ["-n", "logged@here", "-f", str(log), "-l", "DEBUG", "-Q", BULK]
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "worker", "worker", *arguments],
        env=os.environ | stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        written = tmp_path / "logged.log"
        wait_until(lambda: written.exists() and "worker_ready" in written.read_text(), 40)
        assert '"level": "debug"' in written.read_text()
    finally:
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE_S)
    assert "worker_ready" not in said


def test_another_celery_app_on_the_same_database_is_left_alone(
    stack: Stack, redis: Redis, raw: Celery
) -> None:
    foreign = Celery("foreign", broker=stack.redis.url, backend=stack.redis.url)
    # Within their hour, and past our 30 seconds.
    redis.zadd("unacked_index", {"theirs": time.time() - 60})
    redis.hset("unacked", "theirs", '[{"body": ""}, "", "celery"]')
    foreign.send_task("their.task", queue="celery")
    assert foreign.control.ping(timeout=1) == []
    foreign.control.shutdown()
    foreign.control.purge()
    with foreign.connection_for_write() as connection:
        connection.default_channel.queue_purge("celery")
    assert len(raw.control.ping(timeout=2)) == 2
    assert redis.hexists("unacked", "theirs")
    foreign.close()
