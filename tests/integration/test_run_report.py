"""What a run's report says in figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from campaigns.plan.plan_file import Header
from campaigns.plan.summary import Summary
from campaigns.results.report import write_report
from campaigns.source.table import Form
from sandbox.local.embedded_redis import EmbeddedRedis
from tests.integration.feeder_world import RUN, World, plan_row


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


def test_only_rows_that_the_run_applied_count_as_moved_by_it(redis: Redis, tmp_path: Path) -> None:
    world, summary = World(redis, 5, rejects=frozenset({5004})), Summary()
    world.vendor.rates[5001] = "10.5000"  # somebody has done it before
    for at in range(5):
        summary.add(plan_row(at))
    header = Header("june", "default", "v", "ann", "2026-06-01T00:00:00+00:00", form=Form())
    facts = {
        "header": header.document(),
        "summary": summary.document(),
        "approved_at": "2026-06-01T00:00:00+00:00",
        "approved_by": "bob",
        "approval": "fine",
    }
    world.start(5, facts=facts)
    world.until_it_stops()
    counts = write_report(world.store, world.store.view(RUN), tmp_path)
    assert counts == {"succeeded": 4, "failed": 1}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    facts_shown = re.sub(r"<[^>]*>|\s+", " ", page)
    moved = re.search(r"moved by the rows that this run applied +(\S+)", facts_shown)
    assert moved
    assert moved[1] == "+1.50"
