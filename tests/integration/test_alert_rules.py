"""The alert rules of deploy/prometheus, each fired by making its condition in Redis.

The state of Redis is scraped as Prometheus scrapes it, held for as long as the rule asks, and
judged by Prometheus's own engine (promtool, in Debian's package `prometheus`).
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from redis import Redis

from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.run.state import READ_REFUSED, RunStep, Status
from campaigns.store import OperatorStore
from cli.exporter.family import Kind
from cli.exporter.fleet import FAMILIES, FleetCollector
from revio_jobs import Lane, errors
from revio_jobs.ledger_keys import LedgerKeys
from sandbox.local.embedded_redis import free_port
from settings import AccountSettings, Settings
from tests.integration.account_place import RUN, VENDOR, Place
from worker.limiter import LanePauses, Pause
from worker.limiter.charge import CallKeys
from worker.limiter.limits_drift import PublishedLimits
from worker.wiring.limits import limit_rules, open_limiter

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "docs" / "operators" / "alerts.md"
[GROUP] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/revio.json").read_text(encoding="utf-8"))
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
MINUTES = 70
"""For which each condition lasts; no rule waits for longer than an hour."""

needs_promtool = pytest.mark.skipif(
    which("promtool") is None, reason="promtool (Debian's package prometheus) is not installed"
)


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return Settings.model_validate({"redis_url": redis_url, "accounts": {"default": VENDOR}})


class Fleet:
    """The account, and everything that can go wrong with it."""

    def __init__(self, place: Place, settings: Settings) -> None:
        self.place = place
        self.redis = place.redis
        self.settings = settings
        self.limiter = open_limiter(settings, place.redis)

    def nearly_full(self) -> None:
        self.redis.config_set("maxmemory", int(self.redis.info("memory")["used_memory"] * 1.05))

    def evicts(self) -> None:
        self.redis.config_set("maxmemory-policy", "allkeys-lru")

    def demoted(self) -> None:
        self.redis.replicaof("127.0.0.1", "1")

    def wrong_password(self) -> None:
        self.limiter.close("default", "wrong password")

    def vendor_outage(self) -> None:
        for _ in range(limit_rules(self.settings.accounts["default"]).breaker_faults):
            self.limiter.report("default", healthy=False)
        self.place.submit(Lane.BULK)

    def killed_fleet(self) -> None:
        self.redis.delete("revio:default:limits")
        self.place.submit(Lane.INTERACTIVE)

    def bulk_without_worker(self) -> None:
        self.place.report("worker@here", lanes=[Lane.INTERACTIVE])
        self.place.submit(Lane.BULK)

    def slow_interactive(self) -> None:
        self.place.submit(Lane.INTERACTIVE, accepted_ms_ago=120_000)

    def slow_bulk(self) -> None:
        self.place.submit(Lane.BULK, accepted_ms_ago=25 * 3_600_000)

    def paused_lane(self) -> None:
        pause = Pause("billing runs", "ann", datetime.now(UTC))
        LanePauses(self.redis).pause("default", Lane.BULK, pause)

    def foreign_user(self) -> None:
        self.limiter.pause("default", 1, "429", minute_spent=True)

    def spent_day(self) -> None:
        rules = limit_rules(self.settings.accounts["default"])
        start = rules.resets_around(time.time())[0]
        self.redis.hset(CallKeys("default").day(start), "calls", 149_000)

    def lost_update(self) -> None:
        self.redis.incr(LedgerKeys("default").sequence)

    def unknown_outcome(self) -> None:
        self.place.fail(errors.OutcomeUnknown("sent, and nobody knows"))

    def unavailable(self) -> None:
        self.place.fail(errors.Unavailable("503"))

    def unswept(self) -> None:
        self.place.delay(Lane.BULK)
        [(job_id, _)] = self.redis.zscan_iter(LedgerKeys("default").delayed)
        self.redis.zincrby(LedgerKeys("default").delayed, -600_000, job_id)

    def mistyped_queue(self) -> None:
        self.redis.lpush("revio.defualt.bulk", "{}")

    def paused_run(self) -> None:
        runs = self.place.start_run()
        assert runs.lease("default", "token")
        store = OperatorStore(self.redis, "default", keep_s=60)
        how = {"by": "ann", "reason": "month end", "possible": [Status.RUNNING]}
        store.decide(RUN, "pause", status=Status.PAUSED, **how)

    def halted_run(self) -> None:
        runs = self.place.start_run()
        assert runs.lease("default", "token")
        runs.stop("default", RUN, "token", Status.HALTED, "too many errors")

    def run_without_worker(self) -> None:
        self.place.start_run()

    def run_without_progress(self) -> None:
        self.place.start_run()
        self.redis.set("revio:default:campaigns:feeder", "a worker")

    def run_not_read_back(self) -> None:
        """All its rows have ended."""
        runs = self.place.start_run()
        assert runs.lease("default", "token")
        row = EndedRow(0, RowOutcome.APPLIED, time.time() - 3600)
        waits = f"{READ_REFUSED}: E7"
        runs.record("default", RUN, "token", RunStep(ended=[row], cursor=1, waits=waits))

    def other_limits(self) -> None:
        self.place.report("worker@there", calls_per_minute=100)

    def other_release(self) -> None:
        key = "revio:default:limits"
        stored: Any = self.redis.hget(key, "worker@here")
        self.redis.hset(key, "worker@old", json.dumps({**json.loads(stored), "version": "0.0.9"}))

    def wrong_clock(self) -> None:
        accounts = {"default": AccountSettings.model_validate(VENDOR)}
        PublishedLimits(self.redis, accounts, "worker@off", lambda: time.time() + 60).publish()


CONDITIONS: dict[str, list[Callable[[Fleet], None]]] = {
    "RevioRedisNearlyFull": [Fleet.nearly_full],
    "RevioRedisEvicts": [Fleet.evicts],
    "RevioRedisRefusesWrites": [Fleet.demoted],
    "RevioAccountClosed": [Fleet.wrong_password],
    "RevioVendorFails": [Fleet.vendor_outage],
    "RevioNoWorkers": [Fleet.killed_fleet, Fleet.bulk_without_worker],
    "RevioInteractiveWaits": [Fleet.slow_interactive],
    "RevioBulkWaits": [Fleet.slow_bulk],
    "RevioLanePaused": [Fleet.paused_lane],
    "RevioOthersUseTheKey": [Fleet.foreign_user],
    "RevioDayNearlySpent": [Fleet.spent_day],
    "RevioUpdatesMissing": [Fleet.lost_update],
    "RevioUpdatesOverdue": [Fleet.unswept],
    "RevioQueueUntaken": [Fleet.mistyped_queue],
    "RevioUnknownOutcomes": [Fleet.unknown_outcome],
    "RevioDeadLetters": [Fleet.unavailable],
    "RevioCampaignHalted": [Fleet.halted_run],
    "RevioCampaignPaused": [Fleet.paused_run],
    "RevioCampaignStuck": [Fleet.run_without_worker],
    "RevioCampaignStalled": [Fleet.run_without_progress, Fleet.run_not_read_back],
    "RevioWorkersDiffer": [Fleet.other_limits],
    "RevioVersionsDiffer": [Fleet.other_release],
    "RevioClockOff": [Fleet.wrong_clock],
}


@pytest.fixture
def fleet(redis_url: str, settings: Settings) -> Iterator[Fleet]:
    place = Place(redis_url)
    memory = {
        name: place.redis.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy")
    }
    yield Fleet(place, settings)
    place.redis.replicaof("NO", "ONE")
    for name, value in memory.items():
        place.redis.config_set(name, value)
    place.close()


EXPORTERS = ("revio-exporter-1:9808", "revio-exporter-2:9808")
"""Two are scraped while one takes the other's place."""


def series(collector: Collector | None) -> list[dict[str, str]]:
    """What scrapes say with the labels that Prometheus adds, as long as the condition lasts."""
    registry = CollectorRegistry()
    if collector:
        registry.register(collector)
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    return [
        {
            "series": sample.name
            + _labels({**sample.labels, "job": "revio", "instance": exporter}),
            "values": f"{sample.value}x{MINUTES}",
        }
        for exporter in EXPORTERS
        for family in families
        for sample in family.samples
        if math.isfinite(sample.value)
    ]


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


def judged(directory: Path, collector: Collector | None, firing: set[str], *, after_m: int) -> str:
    """What promtool has against just these alerts firing so long after the condition began."""
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(firing)]
    expression = {
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{after_m}m",
        "exp_samples": expected,
    }
    unit = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series(collector),
                "promql_expr_test": [expression],
            }
        ],
    }
    file = directory / "test.yml"
    file.write_text(json.dumps(unit), encoding="utf-8")
    ended = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
    )
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


def minutes(alert: str) -> int:
    """How long its condition must last."""
    amount, unit = re.fullmatch(r"(\d+)([mh])", ALERTS[alert].get("for", "0m")).groups()  # type: ignore[union-attr]
    return int(amount) * {"m": 1, "h": 60}[unit]


@needs_promtool
def test_the_rules_are_valid() -> None:
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True)


@needs_promtool
def test_a_rule_that_does_not_fire_would_be_noticed(fleet: Fleet, tmp_path: Path) -> None:
    fleet.wrong_password()
    collector = FleetCollector(fleet.settings, fleet.redis)
    assert "RevioAccountClosed" in judged(tmp_path, collector, set(), after_m=MINUTES)
    assert judged(tmp_path, collector, {"RevioAccountClosed", "RevioVendorFails"}, after_m=MINUTES)


@needs_promtool
def test_every_query_of_the_dashboard_is_valid(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    rules = [
        {
            "record": "query",
            "expr": query.replace("$account", ".*"),
            "labels": {"query": str(index)},
        }
        for index, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    subprocess.run(["promtool", "check", "rules", file], check=True, capture_output=True)


@needs_promtool
def test_an_account_in_order_wakes_nobody(fleet: Fleet, tmp_path: Path) -> None:
    fleet.place.submit(Lane.BULK)
    collector = FleetCollector(fleet.settings, fleet.redis)
    assert not judged(tmp_path, collector, set(), after_m=MINUTES)


@needs_promtool
def test_a_query_that_nobody_takes_wakes_somebody_as_an_update_does(
    fleet: Fleet, tmp_path: Path
) -> None:
    now = [0.0]
    collector = FleetCollector(fleet.settings, fleet.redis, clock=lambda: now[0])
    fleet.place.jobs.query(ids=[1])
    assert not judged(tmp_path, collector, set(), after_m=MINUTES)
    now[0] += 90
    assert not judged(tmp_path, collector, {"RevioInteractiveWaits"}, after_m=MINUTES)
    fleet.redis.rpop("revio.default.interactive")
    fleet.place.jobs.query(ids=[2])
    assert not judged(tmp_path, collector, set(), after_m=MINUTES)


@needs_promtool
@pytest.mark.parametrize(
    ("alert", "make"),
    [(alert, make) for alert, makers in CONDITIONS.items() for make in makers],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_alert_fires_for_its_condition_and_no_other_does(
    alert: str, make: Callable[[Fleet], None], fleet: Fleet, tmp_path: Path
) -> None:
    make(fleet)
    collector = FleetCollector(fleet.settings, fleet.redis)
    assert not judged(tmp_path, collector, {alert}, after_m=minutes(alert) + 1)


@needs_promtool
def test_a_redis_that_does_not_answer_and_an_absent_exporter_are_told(
    settings: Settings, tmp_path: Path
) -> None:
    with Redis(port=free_port()) as nowhere:
        collector = FleetCollector(settings, nowhere)
        assert not judged(tmp_path, collector, {"RevioRedisDown"}, after_m=3)
    assert not judged(tmp_path, None, {"RevioExporterDown"}, after_m=6)


def test_every_alert_has_its_condition_in_these_tests() -> None:
    assert CONDITIONS.keys() | {"RevioRedisDown", "RevioExporterDown"} == ALERTS.keys()


def test_rules_ask_for_metrics_that_the_exporter_has() -> None:
    names = {f.name + ("_total" if f.kind is Kind.COUNTER else "") for f in FAMILIES}
    for alert, rule in ALERTS.items():
        assert set(re.findall(r"revio_\w+", rule["expr"])) <= names, alert


def test_every_alert_has_an_entry_in_the_runbook() -> None:
    headings = re.findall(r"^### (Revio\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(ALERTS)
    for alert, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"docs/operators/alerts.md#{alert.lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
