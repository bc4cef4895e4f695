"""Each row of docs/operators/celery-commands.md: it holds, or it is refused with the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.bin.celery import celery as celery_group
from celery.worker.control import Panel
from kombu import Consumer
from redis import Redis

from cli.dev.service import Service
from cli.dev.stack import ROOT, Stack, local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from tests.patience import PATIENCE_S, wait_until
from worker.celery_app.refusals import COMMANDS, OPTIONS, SUBCOMMANDS

BULK = "revio.default.bulk"
INTERACTIVE = "revio.default.interactive"
ONE, TWO = "one@local", "two@local"
ONE_REPLIES: dict[str, Any] = {"destination": [ONE], "reply": True, "timeout": PATIENCE_S}
BOTH_REPLY: dict[str, Any] = ONE_REPLIES | {"destination": [ONE, TWO]}
"""Returns as soon as they have."""
ARGUMENTS = {
    "rate_limit": {"task_name": UPDATE_TASK, "rate_limit": "1/m"},
    "time_limit": {"task_name": UPDATE_TASK, "hard": 1},
    "revoke_by_stamped_headers": {"headers": {"a": "b"}},
    "query_task": {"ids": ["nobody's"]},
    "hello": {"from_node": "three@local"},
}
ANSWERS: dict[str, Callable[[Any], bool]] = {
    "ping": lambda answer: answer == {"ok": "pong"},
    "stats": lambda answer: answer["pool"]["max-concurrency"] > 0,
    "reserved": lambda answer: answer == [],
    "registered": lambda answer: {QUERY_TASK, UPDATE_TASK} <= set(answer),
    "report": lambda answer: "software -> celery" in answer["ok"],
    "conf": lambda answer: answer["task_acks_late"] is True,
    "active_queues": lambda answer: [queue["name"] for queue in answer] == [BULK],
    "query_task": lambda answer: answer == {},
    "clock": lambda answer: answer["clock"] >= 0,
    "hello": lambda answer: "clock" in answer,
    "memsample": lambda answer: answer.endswith("B"),
    "memdump": lambda answer: "rss (end)" in answer,
    "objgraph": lambda answer: "objgraph" in answer["error"] or "filename" in answer,
}
"""Remote commands that one answer proves, and what an idle worker answers."""
WITH_A_TEST = {
    "active",
    "scheduled",
    "revoked",
    "revoke",
    "terminate",
    "enable_events",
    "disable_events",
    "heartbeat",
    "add_consumer",
    "cancel_consumer",
    "shutdown",
}
"""Remote commands with a test of their own, here or in test_revoke.py."""
OF_GOSSIP = "election"
"""Between workers, for what is off here."""
SAYS = {
    "status": "2 nodes online",
    "inspect ping": "2 nodes online",
    "control heartbeat": "->",
    "list bindings": BULK,
    "report": "software -> celery",
    "graph workers": ONE,
    "shell --python": "<Celery revio at",
    "result known": "what is known",
}
"""What `celery` says to such words."""
# All in one process, since it takes seconds to start.
RUN_COMMANDS = """
import json, sys
from click.testing import CliRunner
from celery.bin.celery import celery
said = {}
for line, wanted in json.load(sys.stdin).items():
    # Workers may answer later than in the second that the commands give them.
    for _ in range(10):
        ended = CliRunner().invoke(celery, ["-A", "worker", *line.split()], input="print(celery)")
        said[line] = [ended.exit_code, ended.output]
        if wanted in ended.output:
            break
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    workers = {"one": (BULK,), "two": (BULK,)}
    with local_stack(workers=workers, sandbox={"customers": 40, "latency": 0.2}) as running:
        yield running


@pytest.fixture
def raw(stack: Stack) -> Iterator[Celery]:
    with producer_app(stack.redis.url) as app:
        yield app


def celery(stack: Stack, *arguments: str, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
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
        (
            ("worker", "--detach", "-Q", "revio.acme.bulk,revio.default.bulc"),
            {
                f"celery worker --queues {name}: this is not a lane; write "
                "revio.<account>.interactive or .bulk, of default"
                for name in ("revio.acme.bulk", "revio.default.bulc")
            },
        ),
        (("amqp", "repl"), {f"celery amqp: {SUBCOMMANDS['amqp']}"}),
    ],
)
def test_what_would_not_hold_is_refused_at_once_with_the_way_to_do_it(
    stack: Stack, arguments: tuple[str, ...], refused: set[str]
) -> None:
    code, text = celery(stack, *arguments)
    assert code != 0
    assert set(text.splitlines()) == refused


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_would_not_hold_is_refused_by_every_worker(
    raw: Celery, command: str
) -> None:
    replies = raw.control.broadcast(command, arguments=ARGUMENTS.get(command), **BOTH_REPLY)
    assert len(replies) == 2
    for reply in replies:
        [answer] = reply.values()
        assert COMMANDS[command] in answer["error"]


def test_purge_refuses_and_drops_nothing(stack: Stack, raw: Celery, jobs: RevioJobs) -> None:
    code, text = celery(stack, "purge", "-f")
    assert code != 0
    assert "revio withdraw" in text
    assert "Traceback" not in text


def test_cancel_consumer_drains_one_worker_until_add_consumer_brings_it_back(
    raw: Celery, jobs: RevioJobs
) -> None:
    def served() -> dict[str, list[str]]:
        replies = raw.control.inspect([ONE, TWO], PATIENCE_S).active_queues() or {}
        return {node: [queue["name"] for queue in queues] for node, queues in replies.items()}

    one, two = sorted(served())
    [reply] = raw.control.cancel_consumer(BULK, **ONE_REPLIES)
    assert "ok" in reply[one]
    wait_until(lambda: served() == {one: [], two: [BULK]})
    # Longer than lanes take to be opened and closed.
    for key in range(5):
        jobs.update(id=5001 + key, rate="3.5", lane=Lane.BULK).result(timeout=PATIENCE_S)
    assert served() == {one: [], two: [BULK]}
    raw.control.add_consumer(BULK, **ONE_REPLIES)
    wait_until(lambda: served() == {one: [BULK], two: [BULK]})
    [reply] = raw.control.add_consumer("strange", **ONE_REPLIES)
    assert "is not a lane of default" in reply[one]["error"]


@pytest.mark.parametrize("command", ANSWERS)
def test_a_command_that_asks_is_answered_as_by_celery(raw: Celery, command: str) -> None:
    [reply] = raw.control.broadcast(command, arguments=ARGUMENTS.get(command), **ONE_REPLIES)
    assert ANSWERS[command](reply[ONE])


def test_what_runs_waits_and_was_revoked_is_shown(raw: Celery, jobs: RevioJobs) -> None:
    inspect = raw.control.inspect([ONE, TWO], PATIENCE_S)
    updates = jobs.submit([UpdateJob(id=5001, rate=str(rate)) for rate in range(60)], Lane.BULK)
    wait_until(lambda: _listed(inspect.active()) & {update.job_id for update in updates})
    later = raw.send_task(QUERY_TASK, kwargs={"ids": [5001]}, queue=BULK, countdown=60)
    wait_until(lambda: later.id in _listed(inspect.scheduled()))
    [(state, request)] = [
        tasks[later.id] for tasks in inspect.query_task(later.id).values() if tasks
    ]
    assert (state, request["id"]) == ("scheduled", later.id)
    later.revoke()
    wait_until(lambda: all(later.id in ids for ids in inspect.revoked().values()))
    for update in updates:
        update.result(timeout=PATIENCE_S)


def _listed(tasks: dict[str, list[dict[str, Any]]] | None) -> set[str]:
    """Ids of what workers list, by worker."""
    requests = (task.get("request", task) for listed in (tasks or {}).values() for task in listed)
    return {request["id"] for request in requests}


def test_events_of_tasks_are_sent_unless_they_are_disabled(raw: Celery, jobs: RevioJobs) -> None:
    updates: list[str] = []

    def update() -> None:
        raw.control.heartbeat()
        handle = jobs.update(id=5002, rate="1", lane=Lane.BULK)
        updates.append(handle.job_id)
        handle.result(timeout=PATIENCE_S)

    def tells_of_it(event: dict[str, Any]) -> bool:
        return (event["type"], event.get("uuid")) == ("task-succeeded", updates[-1])

    raw.control.disable_events(**BOTH_REPLY)
    heard = _events(raw, lambda event: event["type"] == "worker-heartbeat", act=update)
    assert not any(map(tells_of_it, heard))
    raw.control.enable_events(**BOTH_REPLY)
    _events(raw, tells_of_it, act=update)


def _events(
    app: Celery,
    is_wanted: Callable[[dict[str, Any]], bool],
    times: int = 1,
    act: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """What workers tell until that is done and the wanted is heard, and a little longer."""
    heard: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": heard.append})
        kind = partial(Consumer, receiver.channel)
        [consumer] = receiver.get_consumers(kind, receiver.channel)

        def listen() -> None:
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.1)

        with consumer, ThreadPoolExecutor(1) as threads:
            # kombu subscribes when it first waits.
            listen()
            acting, gives_up = threads.submit(act), time.monotonic() + PATIENCE_S
            while not acting.done() or sum(map(is_wanted, heard)) < times:
                assert time.monotonic() < gives_up, "not in time"
                listen()
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                listen()
    return heard


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")
def test_celerys_own_commands_say_what_is_so(stack: Stack, raw: Celery) -> None:
    raw.backend.store_result("known", "what is known", "SUCCESS")
    ended = subprocess.run(
        [sys.executable, "-c", RUN_COMMANDS],
        input=json.dumps(SAYS),
        env=stack.process_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    words = json.loads(ended.stdout)
    assert {line: code for line, (code, _) in words.items()} == dict.fromkeys(SAYS, 0)
    assert not [line for line, text in SAYS.items() if text not in words[line][1]]


def test_celery_call_submits_a_job_and_celery_events_tell_of_it(stack: Stack, raw: Celery) -> None:
    command = [sys.executable, "-m", "celery", "-A", "worker", "events", "--dump"]
    environment = stack.process_environment() | {"PYTHONUNBUFFERED": "1"}
    dump = Service("dump", command, environment, stack.directory)
    dump.start()
    try:
        wait_until(lambda: "heartbeat" in dump.output())
        kwargs = json.dumps({"ids": [5001]})
        code, text = celery(stack, "call", QUERY_TASK, "--queue", BULK, "--kwargs", kwargs)
        assert code == 0
        result = raw.AsyncResult(text.strip()).get(timeout=PATIENCE_S)
        assert result["customer_products"]
        wait_until(lambda: text.strip() in dump.output())
    finally:
        dump.kill()


def test_multi_starts_and_restarts_workers_with_their_logs_levels_and_process_files(
    stack: Stack, raw: Celery, tmp_path: Path
) -> None:
    (tmp_path / "included.py").write_text("open('included', 'w').close()")
    environment = stack.process_environment()
    environment["PYTHONPATH"] += f":{tmp_path}"
    multi = [sys.executable, "-m", "celery", "multi"]
    files = [f"--pidfile={tmp_path}/%n.pid", f"--logfile={tmp_path}/%n.log"]
    options = ["-A", "worker", *files, "-l", "DEBUG", "-E", "-X", BULK, "-I", "included"]
    options += ["--umask=027", f"--uid={os.geteuid()}", f"--gid={os.getegid()}"]
    of_one = [
        "--heartbeat-interval:odd=1",
        "--without-heartbeat:even",
        f"--statedb:odd={tmp_path}/state",
    ]
    nodes = ["odd@local", "even@local"]
    revoked = "an id"

    def run(*arguments: str) -> None:
        subprocess.run(arguments, env=environment, cwd=tmp_path, check=True, capture_output=True)

    run(*multi, "start", *nodes, *options, *of_one)
    try:
        logs = [tmp_path / "odd.log", tmp_path / "even.log"]
        wait_until(lambda: all(log.exists() and "worker_ready" in log.read_text() for log in logs))
        assert all('"level": "debug"' in log.read_text() for log in logs)
        assert (tmp_path / "included").exists()
        wait_until(lambda: len(raw.control.ping(destination=nodes, timeout=5)) == len(nodes))
        queues = raw.control.inspect(nodes, PATIENCE_S).active_queues()
        assert {node: queue["name"] for node in nodes for queue in queues[node]} == dict.fromkeys(
            nodes, INTERACTIVE
        )

        def beats(event: dict[str, Any], node: str = "odd@local") -> bool:
            return (event["type"], event["hostname"]) == ("worker-heartbeat", node)

        assert not any(beats(event, "even@local") for event in _events(raw, beats, times=2))
        raw.control.revoke(revoked, **ONE_REPLIES | {"destination": nodes[:1]})
        assert {log.stat().st_mode & 0o777 for log in logs} == {0o640}
        # As logrotate does: rename and SIGHUP, or copy and truncate.
        odd, even = (int((tmp_path / f"{node}.pid").read_text()) for node in ("odd", "even"))
        logs[0].rename(tmp_path / "odd.log.1")
        os.kill(odd, signal.SIGHUP)
        os.truncate(logs[1], 0)
        run(*multi, "restart", "even@local", *options, *of_one)
        wait_until(lambda: all(log.exists() and "worker_ready" in log.read_text() for log in logs))
        assert "\0" not in logs[1].read_text()
        assert int((tmp_path / "odd.pid").read_text()) == odd
        assert int((tmp_path / "even.pid").read_text()) != even
        wait_until(lambda: len(raw.control.ping(destination=nodes, timeout=5)) == len(nodes))
    finally:
        run(*multi, "stopwait", *nodes, *files)
    assert not list(tmp_path.glob("*.pid"))
    assert list(tmp_path.glob("state*"))


def test_multi_says_that_a_worker_could_not_start_or_its_log_does(
    stack: Stack, tmp_path: Path
) -> None:
    environment = stack.process_environment()
    options = ["-A", "worker", f"--pidfile={tmp_path}/%n.pid", f"--logfile={tmp_path}/%n.log"]

    def start(*more: str) -> str:
        command = [sys.executable, "-m", "celery", "multi", "start", "w@local", *options, *more]
        ended = subprocess.run(
            command, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True
        )
        return ended.stdout + ended.stderr

    text = start("-c", "4")
    assert "FAILED" in text
    assert f"celery worker --concurrency: {OPTIONS['--concurrency']}" in text
    # Found when the process has left the terminal.
    environment["REVIO_HEARTBEAT_DIR"] = "/proc/nowhere"
    assert "OK" in start()
    log = tmp_path / "w.log"
    wait_until(lambda: log.exists() and '"worker_refused"' in log.read_text())
    [refusal] = [line for line in log.read_text().splitlines() if '"worker_refused"' in line]
    assert "REVIO_HEARTBEAT_DIR" in json.loads(refusal)["reason"]


def test_another_celery_app_on_the_same_database_neither_disturbs_nor_is_disturbed(
    stack: Stack, redis: Redis, raw: Celery, jobs: RevioJobs
) -> None:
    with foreign_worker(stack) as foreign:
        late = [foreign.send_task("foreign.note", args=[f"late {n}", 30]) for n in range(2)]
        eta = foreign.send_task("foreign.note", args=["eta", 30], countdown=4)
        wait_until(lambda: redis.zcard("unacked_index") == 3)
        # Past our visibility timeout of 30 seconds, and within their hour.
        for tag in redis.zrange("unacked_index", 0, -1):
            redis.zincrby("unacked_index", -60, tag)
        updates = jobs.submit([UpdateJob(id=5003, rate=str(rate)) for rate in range(30)], Lane.BULK)
        foreign.control.purge()
        wait_until(lambda: answering(foreign) == {"f@local"})
        wait_until(lambda: answering(raw) == {ONE, TWO})
        redis.set("foreign:may-end", 1)
        for result in (*late, eta):
            assert result.get(timeout=PATIENCE_S)
        foreign.control.shutdown()
        outcomes = Counter(update.result(timeout=PATIENCE_S).outcome for update in updates)
        assert outcomes.total() == len(updates)
    assert sorted(redis.lrange("foreign:noted", 0, -1)) == [b"eta", b"late 0", b"late 1"]
    wait_until(lambda: answering(raw) == {ONE, TWO})


def answering(app: Celery) -> set[str]:
    """Names of all workers that hear the app's commands."""
    return {name for reply in app.control.ping(timeout=1) for name in reply}


@contextmanager
def foreign_worker(stack: Stack) -> Iterator[Celery]:
    """Of an app with Celery's defaults, which ends by its own `shutdown`."""
    url = stack.redis.url
    command = [sys.executable, "-m", "celery", "-b", url, "--result-backend", url]
    command += ["-A", "tests.acceptance.foreign_app", "worker", "-c", "3", "-n", "f@local"]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    worker = Service("foreign", command, environment, stack.directory)
    worker.start()
    with Celery("foreign", broker=url, backend=url, set_as_current=False) as app:
        try:
            wait_until(lambda: app.control.ping(timeout=0.5))
            yield app
            wait_until(lambda: worker.pid is None)
        finally:
            worker.kill()


def test_every_command_of_celery_has_a_test() -> None:
    assert {*ANSWERS, *WITH_A_TEST, *COMMANDS, OF_GOSSIP} == set(Panel.meta)
    tried = {line.split()[0] for line in SAYS} | {"call", "events", "multi", "purge", "worker"}
    assert {*tried, *SUBCOMMANDS, "flower"} == set(celery_group.commands)


def test_shutdown_ends_the_worker_that_it_names(stack: Stack, raw: Celery) -> None:
    raw.control.shutdown(destination=[TWO])
    wait_until(lambda: stack.services["two"].pid is None)
    wait_until(lambda: answering(raw) == {ONE})
