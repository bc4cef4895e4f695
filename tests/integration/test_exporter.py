"""`revio exporter`: what Prometheus reads of an account's state in Redis."""

from __future__ import annotations

import math
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from campaigns.run.state import READ_FAILS, READ_REFUSED, STEP_FAILS, RunStep
from cli.exporter.family import Kind
from cli.exporter.fleet import FAMILIES, FleetCollector
from revio_jobs import Lane, QueryJob, errors
from revio_jobs.broker import HELD, LATER
from revio_jobs.version import __version__
from sandbox.local.embedded_redis import free_port
from settings import Settings
from tasks.ports import Call, Purpose
from tests.integration.account_place import RUN, VENDOR, Place
from tests.patience import PATIENCE_S
from worker.limiter import LanePauses, Pause, RedisLimiter
from worker.wiring.limits import open_limiter

ROOT = Path(__file__).parents[2]

Scrape = Callable[[], dict[str, dict[tuple[str, ...], float]]]


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    place = Place(redis_url)
    yield place
    place.close()


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings.model_validate({"redis_url": redis_url, "accounts": {"default": VENDOR}})


@pytest.fixture
def limiter(place: Place, settings: Settings) -> RedisLimiter:
    return open_limiter(settings, place.redis)


@pytest.fixture
def scrape(place: Place, settings: Settings) -> Scrape:
    registry = CollectorRegistry()
    registry.register(FleetCollector(settings, place.redis))
    return lambda: read(generate_latest(registry).decode())


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by the names and the label values of their samples, less the account."""
    values: dict[str, dict[tuple[str, ...], float]] = {}
    for metric in text_string_to_metric_families(text):
        for sample in metric.samples:
            labels = tuple(value for name, value in sample.labels.items() if name != "account")
            values.setdefault(sample.name, {})[labels] = sample.value
    return values


def test_calls_are_told_by_lane_and_purpose_with_what_is_left(
    limiter: RedisLimiter, scrape: Scrape
) -> None:
    limiter.admit(Call("default", Lane.BULK, Purpose.UPDATE))
    limiter.admit(Call("default", Lane.INTERACTIVE, Purpose.QUERY))
    metrics = scrape()
    assert metrics["revio_minute_calls_used"] == {("interactive",): 1, ("bulk",): 1}
    assert metrics["revio_minute_calls_left"]["interactive",] == 498
    assert metrics["revio_day_calls_used"]["update",] == 1
    assert metrics["revio_day_calls_left"] == {("interactive",): 149_998, ("bulk",): 144_998}


def test_a_pause_and_a_refusal_are_told_with_their_reasons(
    limiter: RedisLimiter, scrape: Scrape
) -> None:
    limiter.pause("default", 600, "429: slow down")
    limiter.close("default", "wrong password")
    metrics = scrape()
    assert metrics["revio_calls_pause_info"] == {("429: slow down",): 1}
    assert 600 - PATIENCE_S < metrics["revio_calls_paused_seconds"][()] <= 600
    assert metrics["revio_account_closed_info"] == {("wrong password",): 1}
    assert metrics["revio_lane_closed"]["bulk", "vendor_pause"] == 1


def test_a_lane_that_an_operator_paused_has_no_time_at_which_jobs_run(
    place: Place, scrape: Scrape
) -> None:
    assert scrape()["revio_lane_eta_seconds"]["bulk",] == 0
    LanePauses(place.redis).pause("default", Lane.BULK, Pause("billing", "ann", datetime.now(UTC)))
    metrics = scrape()
    assert metrics["revio_lane_eta_seconds"]["bulk",] == math.inf
    assert metrics["revio_lane_closed"]["bulk", "operator"] == 1
    assert metrics["revio_lane_closed"]["interactive", "operator"] == 0


def test_jobs_are_counted_by_lane_wherever_they_are_and_all_of_them_are_demand(
    place: Place, scrape: Scrape
) -> None:
    place.submit(Lane.BULK, accepted_ms_ago=90_000)
    place.jobs.submit([QueryJob(ids=[1]), QueryJob(ids=[2])], Lane.INTERACTIVE)
    place.hold("revio.default.interactive")
    metrics = scrape()
    assert metrics["revio_lane_jobs"]["interactive", "queued"] == 1
    assert metrics["revio_lane_jobs"]["interactive", "held"] == 1
    assert metrics["revio_lane_demand_jobs"] == {("interactive",): 2, ("bulk",): 1}
    assert 90 <= metrics["revio_lane_oldest_wait_seconds"]["bulk",] < 90 + PATIENCE_S
    place.put_off_held()
    metrics = scrape()
    assert metrics["revio_lane_jobs"]["interactive", "put_off"] == 1
    assert metrics["revio_lane_jobs"]["interactive", "held"] == 0


def test_messages_that_an_outage_has_put_off_are_counted_some_at_a_time(
    place: Place, scrape: Scrape
) -> None:
    tags = [f"tag.{number}" for number in range(3000)]
    place.redis.hset(HELD, mapping=dict.fromkeys(tags, "revio.default.bulk\n{}"))
    place.redis.zadd(LATER, dict.fromkeys(tags[::3], time.time() + 60))
    metrics = scrape()
    assert metrics["revio_lane_jobs"]["bulk", "put_off"] == 1000
    assert metrics["revio_lane_jobs"]["bulk", "held"] == 2000


def test_a_delayed_update_is_demand_of_its_lane(place: Place, scrape: Scrape) -> None:
    place.delay(Lane.BULK)
    metrics = scrape()
    assert metrics["revio_lane_jobs"]["bulk", "delayed"] == 1
    assert metrics["revio_lane_demand_jobs"] == {("interactive",): 0, ("bulk",): 1}


def test_updates_are_counted_by_how_they_ended_and_dead_letters_by_error(
    place: Place, scrape: Scrape
) -> None:
    place.fail(errors.OutcomeUnknown("sent, and nobody knows"))
    place.fail(errors.Unreadable([]))
    metrics = scrape()
    assert metrics["revio_updates_accepted_total"] == {(): 2}
    assert metrics["revio_updates_ended_total"] == {("OutcomeUnknown",): 1, ("Unreadable",): 1}
    assert metrics["revio_updates_unreadable_total"] == {(): 1}
    assert metrics["revio_unknown_outcomes"] == {(): 1}
    assert metrics["revio_dead_letters"]["OutcomeUnknown",] == 1
    assert metrics["revio_updates_missing"] == {(): 0}


def test_a_run_shows_its_rows_and_that_nobody_carries_it_on(place: Place, scrape: Scrape) -> None:
    place.start_run()
    metrics = scrape()
    assert metrics["revio_campaign_runs"]["running",] == 1
    assert metrics["revio_campaign_run_rows"] == {(RUN,): 1}
    assert metrics["revio_campaign_run_stuck"] == {(RUN,): 1}
    assert metrics["revio_campaign_run_status"][RUN, "running"] == 1
    assert metrics["revio_campaign_run_left_seconds"][RUN,] > 0
    assert metrics["revio_lane_demand_jobs"]["bulk",] == 1


def test_a_run_whose_steps_or_reads_fail_does_not_count_as_one_that_waits(
    place: Place, scrape: Scrape
) -> None:
    runs = place.start_run()
    assert runs.lease("default", "me")
    for why, waits, fails in (
        ("its time begins tomorrow", 1, 0),
        (f"{READ_FAILS}: 504", 0, 0),
        (f"{READ_REFUSED}: E7", 0, 1),
        (f"{STEP_FAILS} (ValueError)", 0, 1),
    ):
        runs.record("default", RUN, "me", RunStep(waits=why))
        metrics = scrape()
        assert metrics["revio_campaign_run_waits"] == {(RUN,): waits}
        assert metrics["revio_campaign_run_fails"] == {(RUN,): fails}


def test_workers_are_counted_by_lane_and_release_and_their_limits_compared(
    place: Place, scrape: Scrape
) -> None:
    place.report("bulk@there", lanes=[Lane.BULK], calls_per_minute=100)
    metrics = scrape()
    assert metrics["revio_workers"] == {("interactive",): 1, ("bulk",): 2}
    assert metrics["revio_workers_by_version"] == {(__version__,): 2}
    assert metrics["revio_worker_settings_differ"][()] >= 1


def test_names_and_labels_follow_the_conventions_of_prometheus() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert re.fullmatch(r"revio_[a-z_]+", family.name)
        assert not re.search(r"_(total|count|sum|bucket|milliseconds|ms|minutes|kb)$", family.name)
        assert family.help.endswith(".")
        assert family.kind in Kind
        for span in ("wait", "eta", "left", "paused"):
            assert (
                family.name.endswith("_seconds")
                or not family.name.endswith(f"_{span}")
                or (family.name.endswith("calls_left"))
            )


def test_the_docs_describe_every_metric_of_the_exporter() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    for family in FAMILIES:
        name = family.name + ("_total" if family.kind is Kind.COUNTER else "")
        labels = ", ".join(f"`{label}`" for label in family.labels)
        assert f"| `{name}` | {labels} | {family.help} |" in page, name


def test_nothing_is_told_of_a_redis_that_does_not_answer(settings: Settings) -> None:
    registry = CollectorRegistry()
    with Redis(port=free_port()) as nowhere:
        said: list[str] = []
        registry.register(FleetCollector(settings, nowhere, said.append))
        generate_latest(registry)
        metrics = read(generate_latest(registry).decode())
    assert [text.partition(": ")[0] for text in said] == ["Redis"]
    assert metrics == {"revio_exporter_build_info": {(__version__,): 1}, "revio_redis_up": {(): 0}}


def test_the_command_serves_until_it_is_told_to_end(place: Place) -> None:
    port = free_port()
    command = [sys.executable, "-P", "-m", "cli", "exporter", f"--port={port}"]
    environment = place.environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'client/src'}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == f"metrics at http://127.0.0.1:{port}/metrics\n"
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            assert "revio_redis_up 1.0" in answer.read().decode()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
