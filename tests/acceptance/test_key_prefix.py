"""Two installations share one database: each has a prefix before all of its keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from celery import chord, signature
from redis import Redis

from cli.dev.stack import ROOT, Stack
from revio_jobs import RevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from revio_jobs.errors import Rejected
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.acceptance.person import Person, Revio
from tests.patience import PATIENCE_S, wait_until

LANES = ("revio.default.interactive", "revio.default.bulk")


@contextmanager
def installation(directory: Path, redis: EmbeddedRedis, prefix: str) -> Iterator[Stack]:
    """A worker for both lanes and Flower, beside others in the same database."""
    directory.mkdir()
    stack = Stack(directory, redis, {"REVIO_REDIS_URL": f"{redis.url}?key_prefix={prefix}"})
    try:
        stack.start_sandbox({"customers": 5})
        stack.start_worker("both", LANES)
        stack.start_flower()
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()


def run_jobs(url: str) -> None:
    """Of every kind: through the client, raw, with a canvas, and one that fails for good."""
    with RevioJobs.connect(url) as jobs, producer_app(url) as raw:
        assert jobs.update(id=5001, rate="12.50").result(PATIENCE_S).outcome == "applied"
        assert jobs.query(ids=[5001]).result(PATIENCE_S).customer_products
        with pytest.raises(Rejected):
            jobs.update(id=999_999, rate="1").result(PATIENCE_S)
        updates = [
            signature(UPDATE_TASK, kwargs={"id": product, "rate": "4"}, queue=LANES[1], app=raw)
            for product in (5002, 5003)
        ]
        read = signature(
            QUERY_TASK, kwargs={"ids": [5002]}, queue=LANES[0], app=raw, immutable=True
        )
        result: Any = chord(updates, app=raw)(read)
        [product] = result.get(timeout=PATIENCE_S)["customer_products"]
        assert Decimal(product["rate"]) == 4


def run_campaign(me: Person) -> None:
    """From a price list to its undo, in the directory where `revio` runs."""
    before = me.stack.sandbox.products({5004, 5005})
    rates = {
        product: (Decimal(fields["Rate"] or 0) * Decimal("1.05")).quantize(Decimal("0.01"))
        for product, fields in before.items()
    }
    lines = [f"{product},{rate}" for product, rate in rates.items()]
    Path("list.csv").write_text("\n".join(["ID,Rate", *lines]), encoding="utf-8")
    run = me.types("plan", "list.csv", "-o", "list.plan", "--by", "ann", code=2)["run"]
    me.types("approve", "list.plan", "--reason", "agreed", "--by", "bob")
    me.types("apply", "list.plan", "--by", "ann")
    assert me.wait(run, lambda seen: seen["ended"])["counts"]["applied"] == 2
    after = me.stack.sandbox.products({5004, 5005})
    assert {one: Decimal(fields["Rate"] or 0) for one, fields in after.items()} == rates
    why = ["--reason", "a trial", "--by", "ann"]
    undo = me.types("undo", run, "-o", "undo.plan", *why, code=2)["run"]
    me.types("approve", "undo.plan", "--reason", "agreed", "--by", "bob")
    me.types("apply", "undo.plan", "--by", "ann")
    me.wait(undo, lambda seen: seen["ended"])
    assert me.stack.sandbox.products({5004, 5005}) == before


def command(stack: Stack, *words: str) -> Any:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", *words, "--json"],
        cwd=ROOT,
        env=stack.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def workers_of_flower(stack: Stack) -> Any:
    address = f"{stack.flower_url}/api/workers?refresh=1"
    with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def names(redis: Redis) -> set[str]:
    """All keys, and all channels that somebody listens to."""
    channels: list[bytes] = redis.pubsub_channels()
    return {name.decode() for name in (*redis.scan_iter("*"), *channels)}


def test_no_key_and_no_channel_is_outside_of_the_prefix_and_others_are_not_disturbed(
    tmp_path: Path, revio: Revio
) -> None:
    with (
        embedded_redis() as server,
        Redis.from_url(server.url) as redis,
        installation(tmp_path / "blue", server, "blue:") as blue,
    ):
        url = blue.environment["REVIO_REDIS_URL"]
        run_jobs(url)
        audited = command(blue, "audit")
        run_campaign(Person(blue, revio))
        command(blue, "doctor")
        assert command(blue, "dead", "list")
        wait_until(lambda: "both@local" in workers_of_flower(blue))
        assert {name for name in names(redis) if not name.startswith("blue:")} == set()

        with installation(tmp_path / "green", server, "green-") as green:
            run_jobs(green.environment["REVIO_REDIS_URL"])
            assert command(green, "audit") == audited
            with producer_app(green.environment["REVIO_REDIS_URL"]) as app:
                wait_until(lambda: len(app.control.ping(timeout=1)) == 1)
                app.control.shutdown()
            wait_until(lambda: green.services["both"].pid is None)

        run_jobs(url)
        assert {name for name in names(redis) if not name.startswith(("blue:", "green-"))} == set()
