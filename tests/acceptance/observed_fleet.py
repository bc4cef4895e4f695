"""A fleet with all that watches it: a traced worker, `revio exporter`, Prometheus and Flower.

Each account has a vendor of its own, so that several troubles can be made at the same time and are
told apart by their alerts' label.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from revio_jobs.contracts import Lane, queue_name
from sandbox import Account, RunningSandbox
from sandbox.local.client import running
from sandbox.local.embedded_redis import free_port
from tests.day_reset import in_half_a_day
from tests.patience import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
OTHER_ACCOUNTS = ("outage", "login", "storm")
QUEUES = ",".join(
    queue_name(account, lane) for account in ("default", *OTHER_ACCOUNTS) for lane in Lane
)
SETTINGS = {
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "13",
    "REVIO_VISIBILITY_TIMEOUT_S": "15",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_CAMPAIGN_HALT_AFTER": "5",
    "REVIO_LOG_FORMAT": "json",
}
FAST = {"CALL_TIMEOUT_S": "2", "CONNECT_TIMEOUT_S": "1", "EXECUTION_S": "1"}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}

has_prometheus = which("prometheus") is not None
"""Whether it is installed: Debian's package `prometheus`."""

Alert = tuple[str, str]
"""Its name, and the account or run that it is about."""


@dataclass
class ObservedFleet:
    """Everything that runs."""

    stack: Stack
    vendors: Mapping[str, RunningSandbox]
    """By account."""
    prometheus: str
    """Its address."""
    passwords: dict[str, str]
    """That the workers are given, by account."""
    spans_file: Path
    sentry_file: Path

    def start_worker(self) -> None:
        """Of all accounts and lanes; returns when it takes messages."""
        worker = Service(
            "worker",
            [
                *(sys.executable, "-m", "celery", "-A", "tests.acceptance.traced_worker"),
                *("worker", "-Q", QUEUES, "-n", "worker@local"),
            ],
            self.environment,
            self.stack.directory,
        )
        before = worker.output().count('"worker_ready"')
        self.stack.services["worker"] = worker
        worker.start()
        worker.wait_until(
            lambda: worker.output().count('"worker_ready"') > before, timeout_s=PATIENCE_S
        )

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of ours."""
        return {
            **self.stack.process_environment(),
            **{
                f"REVIO_ACCOUNTS__{account.upper()}__PASSWORD": password
                for account, password in self.passwords.items()
            },
            "SPANS": str(self.spans_file),
            "SENTRY": str(self.sentry_file),
        }

    def start(self, name: str, *command: object) -> None:
        """Another process of the fleet."""
        service = Service(
            name, [*map(str, command)], self.environment, self.stack.directory, stop_patience_s=5
        )
        self.stack.services[name] = service
        service.start()

    def prometheus_is_ready(self) -> bool:
        with suppress(OSError), build_opener(ProxyHandler({})).open(f"{self.prometheus}/-/ready"):
            return True
        return False

    def alerts(self, state: str = "firing") -> set[Alert]:
        """That Prometheus has in that state now."""
        answer = self.ask(f"{self.prometheus}/api/v1/alerts")
        return {
            (labels["alertname"], labels.get("run") or labels.get("account", ""))
            for alert in answer["data"]["alerts"]
            if alert["state"] == state
            for labels in [alert["labels"]]
        }

    def value(self, query: str) -> float | None:
        """Of a PromQL expression with one result; None: it has none."""
        address = f"{self.prometheus}/api/v1/query?{urlencode({'query': query})}"
        result = self.ask(address)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def tasks(self, **filters: str) -> list[dict[str, Any]]:
        """As Flower lists them."""
        address = f"{self.stack.flower_url}/api/tasks?{urlencode(filters)}"
        return list(self.ask(address).values())

    def spans(self) -> list[dict[str, Any]]:
        """Of the worker."""
        return [json.loads(line) for line in self.spans_file.read_text().splitlines()]

    def sentry(self) -> list[dict[str, Any]]:
        """The events that Sentry was sent, without transactions."""
        lines = map(json.loads, self.sentry_file.read_text().splitlines())
        return [line for line in lines if line.get("type") != "transaction"]

    @staticmethod
    def ask(address: str) -> Any:
        """The JSON at an address."""
        with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE_S) as answer:
            return json.load(answer)


@contextmanager
def observed_fleet(*, hurry: float) -> Iterator[ObservedFleet]:
    """`hurry`: how many times faster than in the rules an alert's condition becomes one."""
    with ExitStack() as ends:
        vendors = {name: ends.enter_context(running(customers=20)) for name in OTHER_ACCOUNTS}
        environment = {**SETTINGS, **_account("default")}
        for name, vendor in vendors.items():
            environment |= _account(name, vendor)
        stack = ends.enter_context(
            local_stack(
                workers={},
                sandbox={"customers": 40, "latency": 0.02},
                environment=environment,
                flower=True,
            )
        )
        port = free_port()
        fleet = ObservedFleet(
            stack,
            {"default": stack.sandbox, **vendors},
            f"http://127.0.0.1:{port}",
            dict.fromkeys(OTHER_ACCOUNTS, Account().password),
            stack.directory / "spans.jsonl",
            stack.directory / "sentry.jsonl",
        )
        exporter_port = free_port()
        fleet.start("exporter", sys.executable, "-m", "cli", "exporter", "--port", exporter_port)
        _write_prometheus_files(stack.directory, exporter_port, hurry)
        fleet.start(
            "prometheus",
            *("prometheus", "--config.file", stack.directory / "prometheus.yml"),
            *("--storage.tsdb.path", stack.directory / "prometheus"),
            f"--web.listen-address=127.0.0.1:{port}",
        )
        wait_until(fleet.prometheus_is_ready)
        fleet.start_worker()
        yield fleet


def _account(name: str, vendor: RunningSandbox | None = None) -> dict[str, str]:
    login, prefix = Account(), f"REVIO_ACCOUNTS__{name.upper()}__"
    place = (
        {
            "ENDPOINT": vendor.endpoint,
            "USERNAME": login.username,
            "CLIENT_CODE": login.client_code,
            "SUBSCRIPTION_KEY": login.subscription_key,
            "PASSWORD": login.password,
        }
        if vendor
        else {}
    )
    settings = {**place, **FAST, "DAY_RESET_HOUR": in_half_a_day()}
    return {f"{prefix}{setting}": value for setting, value in settings.items()}


def _write_prometheus_files(directory: Path, exporter_port: int, hurry: float) -> None:
    interval = "5s" if hurry == 1 else "1s"

    def hurried(match: re.Match[str]) -> str:
        milliseconds = float(match[1]) * _SECONDS[match[2]] / hurry * 1000
        return f"for: {milliseconds:.0f}ms"

    rules = re.sub(r"for: (\d+)([smh])$", hurried, RULES.read_text("utf-8"), flags=re.MULTILINE)
    (directory / "alerts.yml").write_text(rules, encoding="utf-8")
    configuration = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "revio",
                "static_configs": [{"targets": [f"127.0.0.1:{exporter_port}"]}],
            }
        ],
    }
    (directory / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
