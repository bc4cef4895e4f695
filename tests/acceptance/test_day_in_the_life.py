"""A bad day: five troubles, the alerts that they fire, what is seen of them, and the way out.

docs/operators/day.md tells it. The alerts are judged by a real Prometheus; so that the story takes
half a minute, conditions become alerts 60 times as fast as deploy/prometheus/alerts.yml says.
`make day` tells it in real time, and prints how long each alert took.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UPDATE_TASK, queue_name
from tests.acceptance.observed_fleet import (
    OTHER_ACCOUNTS,
    Alert,
    ObservedFleet,
    has_prometheus,
    observed_fleet,
)
from tests.acceptance.person import Person
from tests.conftest import Revio
from tests.patience import PATIENCE_S, wait_until

pytestmark = pytest.mark.skipif(
    not has_prometheus, reason="prometheus (Debian's package of that name) is not installed"
)

ROWS = 40
ALONE = 5001
"""A product that no campaign changes."""
NEW_PASSWORD = "changed-at-the-vendor"
REAL_TIME_S = 1800.0
SLOW = "RevioInteractiveWaits"
CEILING = frozenset({"RevioOthersUseTheKey"})
"""It ends when the ceiling has climbed again, which takes up to 20 minutes."""


@dataclass
class Day:
    """The fleet, and what has been submitted to it."""

    fleet: ObservedFleet
    jobs: RevioJobs
    redis: Redis
    in_real_time: bool
    handles: dict[str, JobHandle[Any]] = field(default_factory=dict)
    """By account."""
    slow: list[JobHandle[Any]] = field(default_factory=list)
    """Further updates, of the account whose vendor is out of service."""
    runs: list[str] = field(default_factory=list)
    took_s: dict[str, float] = field(default_factory=dict)
    """From trouble to alert."""

    def firing(self, *, besides: Collection[str] = ()) -> set[Alert]:
        """Without those `besides`, and RevioInteractiveWaits, which depend on how long it takes."""
        return {alert for alert in self.fleet.alerts() if alert[0] not in {SLOW, *besides}}

    def wait_for(self, alerts: set[Alert], began: float, *, besides: Collection[str] = ()) -> None:
        """Until just these fire; notes how long each took since the trouble `began`."""

        def are_firing() -> bool:
            for name, _ in self.fleet.alerts():
                self.took_s.setdefault(name, round(time.monotonic() - began, 1))
            return self.firing(besides=besides) == alerts

        self.wait_until(are_firing)

    def wait_until(self, condition: Callable[[], object]) -> None:
        wait_until(condition, REAL_TIME_S if self.in_real_time else PATIENCE_S)


@pytest.fixture(scope="module")
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    in_real_time = bool(request.config.getoption("--real-time", default=False))
    with (
        observed_fleet(hurry=1 if in_real_time else 60) as fleet,
        RevioJobs.connect(fleet.stack.redis.url, source="billing-portal") as jobs,
        Redis.from_url(fleet.stack.redis.url) as redis,
    ):
        day = Day(fleet, jobs, redis, in_real_time)
        yield day
        for alert, seconds in day.took_s.items():
            request.config.get_terminal_writer().line(f"{alert} fired after {seconds} s")


@pytest.fixture
def person(day: Day, revio: Revio) -> Person:
    return Person(day.fleet.stack, revio)


def planned_run(person: Person, name: str, first: int, directory: Path) -> str:
    """An approved plan that raises the rates of ROWS products that Rev.io lets us change."""
    products = person.stack.sandbox.products()
    rates = {
        id_: Decimal(known["Rate"] or 0)
        for id_, known in products.items()
        if known["Status"] not in {"DENIED", "DISCONNECTED"} and id_ > ALONE
    }
    chosen = [*rates.items()][first : first + ROWS]
    lines = "".join(f"{id_},{rate * Decimal('1.05'):.2f}\n" for id_, rate in chosen)
    (directory / f"{name}.csv").write_text(f"id,rate\n{lines}", encoding="utf-8")
    planned = person.types("plan", f"{name}.csv", "-o", f"{name}.plan", code=2)
    person.types("approve", f"{name}.plan", "--reason", "agreed")
    return str(planned["run"])


def test_a_fleet_in_order_wakes_nobody(day: Day) -> None:
    for account in ("default", *OTHER_ACCOUNTS):
        result = day.jobs.update(id=ALONE, rate="1.01", account=account).result(PATIENCE_S)
        assert result.outcome == "applied"
    with producer_app(day.fleet.stack.redis.url) as app:
        raw = app.send_task(
            UPDATE_TASK,
            kwargs={"id": ALONE, "rate": "1.02"},
            queue=queue_name("default", Lane.INTERACTIVE),
            headers={"revio_source": "erp"},
        )
        assert raw.get(timeout=PATIENCE_S)["outcome"] == "applied"
    day.wait_until(lambda: day.fleet.value("sum(revio_workers)") == 8)
    day.wait_until(lambda: day.fleet.alerts() == set())


def test_four_troubles_fire_their_four_alerts_and_no_other(
    day: Day, person: Person, tmp_path: Path
) -> None:
    vendors, began = day.fleet.vendors, time.monotonic()
    vendors["outage"].fault("http-500-before", rate=1.0)
    vendors["login"].change_password(NEW_PASSWORD)
    storm = {"rate": 1.0, "seconds": 60} if day.in_real_time else {"next": 1, "seconds": 1}
    vendors["storm"].fault("throttled-429", **storm)
    vendors["default"].fault("success-false", rate=1.0, operation="CustomerProducts_Update")
    for account in OTHER_ACCOUNTS:
        day.handles[account] = day.jobs.update(id=5002, rate="2.02", account=account)
    day.slow = day.jobs.submit(
        [UpdateJob(id=id_, rate="2.02", account="outage") for id_ in range(5003, 5015)]
    )
    day.runs.append(planned_run(person, "june", 0, tmp_path))
    person.types("apply", "june.plan")
    day.wait_for(
        {
            ("RevioVendorFails", "outage"),
            ("RevioAccountClosed", "login"),
            ("RevioOthersUseTheKey", "storm"),
            ("RevioCampaignHalted", day.runs[0]),
        },
        began,
    )


def rejected(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [task for task in tasks if "The change was rejected" in str(task["exception"])]


def test_each_trouble_is_seen_in_metrics_status_logs_traces_and_flower(
    day: Day, revio: Revio
) -> None:
    fleet = day.fleet
    assert fleet.value('revio_breaker_open{account="outage"}') == 1
    assert fleet.value('revio_account_closed{account="login"}') == 1
    assert fleet.value('revio_minute_calls_ceiling{account="storm"}') < 450  # type: ignore[operator]
    halted = f'revio_campaign_run_status{{run="{day.runs[0]}",status="halted"}}'
    assert fleet.value(halted) == 1
    status = revio("status", "--json", env=fleet.environment)
    assert status.code == 1
    concerns = {(one["account"], one["about"]) for one in status.document["concerns"]}
    assert {("login", "interactive"), ("login", "bulk"), ("default", "campaign")} <= concerns
    worker = fleet.stack.services["worker"].output()
    for event in ("account_closed", "campaign_halted"):
        assert worker.count(f'"event": "{event}"') == 1
        assert sum(sent["logentry"]["message"].startswith(event) for sent in fleet.sentry()) == 1
    failed = [span for span in fleet.spans() if span["attributes"].get("revio.account") == "outage"]
    assert any(span["attributes"].get("http.response.status_code") == 500 for span in failed)
    assert any(span["attributes"].get("revio.source") == "billing-portal" for span in failed)
    outage = day.handles["outage"].job_id
    wait_until(lambda: outage in {task["uuid"] for task in fleet.tasks(limit="1000")})
    wait_until(lambda: rejected(fleet.tasks(limit="1000")))
    tasks = fleet.tasks(limit="1000")
    refused = rejected(tasks)
    assert {task["state"] for task in refused} == {"FAILURE"}
    assert all(task["traceback"].startswith("What to do: ") for task in refused)
    waiting = next(task for task in tasks if task["uuid"] == outage)
    assert waiting["state"] in {"RETRY", "STARTED", "RECEIVED"}
    assert waiting["args"] == "update 5002 rate=2.02 source=billing-portal"


def test_what_the_runbook_says_ends_the_outage_and_takes_the_campaign_on(
    day: Day, person: Person
) -> None:
    """RevioVendorFails: nothing is to be done. RevioCampaignHalted: watch, then resume."""
    for account in ("outage", "storm", "default"):
        day.fleet.vendors[account].clear_faults()
    assert "failed" in person.look(day.runs[0])["reason"]
    person.types("resume", day.runs[0], "--reason", "Rev.io takes changes again")
    person.wait(day.runs[0], lambda seen: seen["ended"])
    for handle in (day.handles["outage"], *day.slow):
        assert handle.result(PATIENCE_S).outcome == "applied"
    assert day.handles["storm"].result(PATIENCE_S).outcome == "applied"
    day.wait_until(lambda: day.firing(besides=CEILING) == {("RevioAccountClosed", "login")})


def test_a_killed_fleet_fires_that_jobs_and_campaigns_have_no_worker(
    day: Day, person: Person, tmp_path: Path
) -> None:
    day.runs.append(planned_run(person, "july", ROWS, tmp_path))
    began = time.monotonic()
    day.fleet.stack.services["worker"].kill()
    if not day.in_real_time:
        # As 75 s later, when nobody knows of the worker any more.
        for account in ("default", *OTHER_ACCOUNTS):
            day.redis.delete(f"revio:{account}:limits", f"revio:{account}:campaigns:feeder")
    person.types("apply", "july.plan")
    day.handles["default"] = day.jobs.update(id=ALONE, rate="3.03")
    day.wait_for(
        {
            ("RevioAccountClosed", "login"),
            ("RevioNoWorkers", "default"),
            ("RevioNoWorkers", "login"),
            ("RevioCampaignStuck", day.runs[1]),
        },
        began,
        besides=CEILING,
    )


def test_a_worker_with_the_new_password_ends_all_of_it(
    day: Day, person: Person, revio: Revio
) -> None:
    """RevioNoWorkers, RevioCampaignStuck: start a worker. RevioAccountClosed: correct, resume."""
    day.fleet.passwords["login"] = NEW_PASSWORD
    day.fleet.start_worker()
    resumed = revio("lane", "resume", "--account", "login", env=day.fleet.environment)
    assert resumed.code == 0
    assert day.handles["login"].result(PATIENCE_S).outcome == "applied"
    assert day.handles["default"].result(PATIENCE_S).outcome == "applied"
    person.wait(day.runs[1], lambda seen: seen["ended"])
    day.wait_until(lambda: not day.firing(besides=CEILING))
    for account in ("default", *OTHER_ACCOUNTS):
        audit = revio("audit", "--account", account, "--json", env=day.fleet.environment)
        assert audit.document["balances"]


def test_the_days_calls_and_updates_name_who_asked_for_them(
    day: Day, revio: Revio, tmp_path: Path
) -> None:
    limits = revio("limits", "--json", env=day.fleet.environment).document["accounts"]
    assert limits["storm"]["sources_today"]["billing-portal"] > 0
    assert limits["default"]["sources_today"].keys() == {"(campaigns)", "billing-portal", "erp"}
    file = tmp_path / "history.jsonl"
    assert revio("history", "export", "-o", str(file), env=day.fleet.environment).code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {(line["source"], line["run"]) for line in lines} == {
        ("billing-portal", None),
        ("erp", None),
        *((None, run) for run in day.runs),
    }
