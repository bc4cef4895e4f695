"""Everybody works with just the permissions that deploy/redis/users.acl gives."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from celery import Celery, chord, signature
from redis import Redis
from redis.exceptions import NoPermissionError

from cli.dev.service import Service
from cli.dev.stack import ROOT, Stack
from revio_jobs import RevioJobs
from revio_jobs.connection import connect_redis
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from revio_jobs.errors import Rejected
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis, free_port
from tests.patience import PATIENCE_S, wait_until

LANES = ("revio.default.interactive", "revio.default.bulk")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """With the users of the file, whose passwords are their names, and the tests' own."""
    rules = (ROOT / "deploy" / "redis" / "users.acl").read_text(encoding="utf-8")
    rules = rules.replace("user default off", "user default on nopass ~* &* +@all")
    users = tmp_path_factory.mktemp("users") / "users.acl"
    users.write_text(re.sub(r"#(\w+)_PASSWORD_SHA256", _digest, rules), encoding="utf-8")
    with embedded_redis(options={"aclfile": str(users)}) as running:
        yield running


def _digest(user: re.Match[str]) -> str:
    return "#" + hashlib.sha256(user[1].lower().encode()).hexdigest()


def url_of(user: str, server: EmbeddedRedis) -> str:
    return server.url.replace("://", f"://{user}:{user}@")


@pytest.fixture(scope="module")
def stack(server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A sandbox and a worker."""
    made = Stack(
        tmp_path_factory.mktemp("worker"), server, {"REVIO_REDIS_URL": url_of("worker", server)}
    )
    try:
        made.start_sandbox({"customers": 5})
        made.start_worker("both", LANES)
        made.wait_until_ready()
        yield made
    finally:
        made.stop()


@pytest.fixture
def redis(server: EmbeddedRedis) -> Iterator[Redis]:
    """The administrator, who sees at the end that nothing was refused."""
    with Redis.from_url(server.url) as admin:
        admin.acl_log_reset()
        yield admin
        # Redis-py gives its own name at each connection, and does without.
        refused = [entry for entry in admin.acl_log() if "client" not in str(entry["object"])]
        assert refused == []


@pytest.mark.usefixtures("redis", "stack")
def test_a_producer_submits_and_collects(server: EmbeddedRedis) -> None:
    with RevioJobs.connect(url_of("producer", server)) as jobs:
        update = jobs.update(id=5001, rate="12.50", idempotency_key="spring")
        assert update.result(PATIENCE_S).outcome == "applied"
        found = jobs.find("default", "spring")
        assert found
        assert found.state == "SUCCESS"
        query = jobs.query(ids=[5001])
        assert query.result(PATIENCE_S).customer_products
        assert query.progress is None
        assert not jobs.query_handle("unknown").done()
        with pytest.raises(Rejected):
            jobs.update(id=999_999, rate="1").result(PATIENCE_S)


@pytest.mark.usefixtures("redis", "stack")
def test_a_raw_producer_sends_a_canvas_and_collects(server: EmbeddedRedis) -> None:
    url = url_of("raw", server)
    with Celery("raw", broker=url, backend=url, set_as_current=False) as raw:
        updates = [
            signature(UPDATE_TASK, kwargs={"id": product, "rate": "4"}, queue=LANES[1], app=raw)
            for product in (5002, 5003)
        ]
        read = signature(
            QUERY_TASK, kwargs={"ids": [5002]}, queue=LANES[0], app=raw, immutable=True
        )
        result: Any = chord(updates, app=raw)(read)
        assert result.get(timeout=PATIENCE_S)["customer_products"]
        result.forget()


@pytest.mark.usefixtures("redis")
def test_an_operator_looks_decides_and_commands(server: EmbeddedRedis, stack: Stack) -> None:
    operator = {**stack.process_environment(), "REVIO_REDIS_URL": url_of("operator", server)}
    lane = ("--account", "default", "--lane", "bulk")
    for words in (
        ("cli", "audit"),
        ("cli", "doctor"),
        ("cli", "lane", "pause", *lane, "--reason", "inventory"),
        ("cli", "withdraw", "--lane", "bulk", "--reason", "inventory", "--yes"),
        ("cli", "lane", "resume", *lane),
        ("celery", "-A", "worker", "inspect", "stats", "-d", "both@local", "-t", "300"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=operator,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, (words, ended.stdout, ended.stderr)


def answer_of(flower: Stack, what: str) -> Any:
    with build_opener(ProxyHandler({})).open(
        f"{flower.flower_url}/api/{what}", timeout=PATIENCE_S
    ) as answer:
        return json.load(answer)


@pytest.mark.usefixtures("redis")
def test_flower_shows_the_worker(server: EmbeddedRedis, stack: Stack, tmp_path: Path) -> None:
    settings = {**stack.environment, "REVIO_REDIS_URL": url_of("flower", server)}
    flower = Stack(tmp_path, server, settings)
    try:
        flower.start_flower()
        flower.wait_until_ready()
        wait_until(lambda: "both@local" in answer_of(flower, "workers?refresh=1"))
        lengths = answer_of(flower, "queues/length")["active_queues"]
        assert {queue["name"] for queue in lengths} >= {*LANES}
    finally:
        flower.stop()


@pytest.mark.usefixtures("redis")
def test_the_exporter_and_the_history_read(
    server: EmbeddedRedis, stack: Stack, tmp_path: Path
) -> None:
    with RevioJobs.connect(url_of("producer", server)) as jobs:
        jobs.update(id=5004, rate="4.50").result(PATIENCE_S)
    reader = {**stack.process_environment(), "REVIO_REDIS_URL": url_of("exporter", server)}
    port = free_port()
    address = f"http://127.0.0.1:{port}/metrics"
    command = [sys.executable, "-m", "cli", "exporter", "--port", str(port)]
    exporter = Service("exporter", command, reader, tmp_path)
    exporter.start()
    try:
        exporter.wait_until(lambda: "metrics at" in exporter.output(), timeout_s=PATIENCE_S)
        with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE_S) as answer:
            metrics = answer.read().decode()
    finally:
        exporter.stop()
    assert "revio_redis_up 1.0" in metrics
    assert 'revio_workers{account="default",lane="bulk"} 1.0' in metrics
    assert 'revio_updates_ended_total{account="default",outcome="applied"}' in metrics
    export = [sys.executable, "-m", "cli", "history", "export", "-o", str(tmp_path / "all.jsonl")]
    subprocess.run(export, cwd=ROOT, env=reader, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("producer", ("FLUSHALL",)),
        ("producer", ("SET", "celery", "1")),
        ("raw", ("GET", "revio:default:outcome:a")),
        ("raw", ("HSET", "revio:default:job:a", "ended", "applied")),
        ("worker", ("CONFIG", "SET", "maxmemory", "1")),
        ("worker", ("LPUSH", "celery", "a")),
        ("operator", ("FLUSHDB",)),
        ("flower", ("HSET", "revio:default:job:a", "ended", "applied")),
        ("exporter", ("HSET", "revio:default:job:a", "ended", "applied")),
        ("exporter", ("LPUSH", "revio.default.bulk", "a")),
        ("exporter", ("GET", "celery-task-meta-a")),
    ],
)
def test_nobody_may_do_what_is_not_theirs(
    user: str, command: tuple[str, ...], server: EmbeddedRedis
) -> None:
    with connect_redis(url_of(user, server)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)  # type: ignore[no-untyped-call]
