"""A worker, Flower and the `revio` command: TLS, a unix socket, sentinels behind TLS."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from cli.dev.stack import ROOT, Stack
from revio_jobs import RevioJobs
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.certificates import make_certificates
from tests.patience import PATIENCE_S, wait_until
from tests.redis_proxy import proxy
from tests.redis_sentinel import OWN_PASSWORD, sentinel_of

FORMS = {
    "rediss": "rediss://127.0.0.1:{port}/0?ssl_ca_certs={directory}/ca.pem",
    "unix": "unix://{directory}/s",
    "sentinels": "sentinels://127.0.0.1:{sentinel_port}/0?ssl_ca_certs={directory}/ca.pem"
    f"&sentinel_password={quote(OWN_PASSWORD, safe='')}",
}
QUEUES = {
    "rediss": "revio.default.interactive",
    "unix": "revio.default.bulk",
    "sentinels": "revio.other.interactive",
}
"""Each worker has a lane for itself."""


@dataclass
class Installation:
    """One Redis, which each worker reaches by another form of URL."""

    stack: Stack
    urls: Mapping[str, str]
    settings: dict[str, str]

    def go_by(self, form: str) -> None:
        """What is started from now on reaches Redis so."""
        self.settings["REVIO_REDIS_URL"] = self.urls[form]


@contextmanager
def redis_by_every_form(directory: Path) -> Iterator[tuple[EmbeddedRedis, Mapping[str, str]]]:
    make_certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    with (
        embedded_redis(options={"unixsocket": str(directory / "s")}) as redis,
        # A sentinel asks the master without TLS, at the address that it names to us.
        proxy(redis.port, context, takes_plain=True) as tls,
        sentinel_of(directory, tls.port, "") as sentinel,
        proxy(sentinel, context) as sentinel_tls,
    ):
        ports = {"port": tls.port, "sentinel_port": sentinel_tls.port}
        yield redis, {form: url.format(directory=directory, **ports) for form, url in FORMS.items()}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("forms")
    with redis_by_every_form(directory) as (redis, urls):
        settings: dict[str, str] = {}
        stack = Stack(directory, redis, settings)
        made = Installation(stack, urls, settings)
        try:
            stack.start_sandbox({"customers": 2})
            of_default = stack.environment.items()
            settings |= {name.replace("DEFAULT", "OTHER"): value for name, value in of_default}
            for form, queue in QUEUES.items():
                made.go_by(form)
                stack.start_worker(form, [queue])
            stack.start_flower()
            stack.wait_until_ready()
            yield made
        finally:
            stack.stop()


@pytest.mark.parametrize("form", FORMS)
def test_a_worker_producers_and_the_command_line_work_by_the_url_alone(
    form: str, installation: Installation
) -> None:
    _, account, lane = QUEUES[form].split(".")
    with RevioJobs.connect(installation.urls[form]) as jobs:
        update = jobs.update(id=5001, rate="12.50", account=account, lane=lane)
        assert update.result(timeout=PATIENCE_S).outcome == "applied"
        query = jobs.query(ids=[5001], account=account, lane=lane)
        assert query.result(timeout=PATIENCE_S).customer_products
    installation.go_by(form)
    revio = subprocess.run(
        [sys.executable, "-m", "cli", "audit", "--json"],
        cwd=ROOT,
        env=installation.stack.process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert revio.returncode == 0, revio.stderr
    assert json.loads(revio.stdout)


def test_flower_behind_sentinels_and_tls_sees_all_workers(installation: Installation) -> None:
    def workers() -> set[str]:
        url = f"{installation.stack.flower_url}/api/workers?refresh=1"
        with urlopen(url, timeout=10) as answer:
            return set(json.load(answer))

    wait_until(lambda: workers() == {f"{form}@local" for form in FORMS})


def test_a_worker_refuses_a_url_that_it_cannot_honour_in_one_line(tmp_path: Path) -> None:
    with embedded_redis() as redis:
        stack = Stack(tmp_path, redis, {"REVIO_REDIS_URL": f"{redis.url}?retry=3"})
        stack.start_sandbox({"customers": 1})
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "celery", "-A", "worker", "worker"],
                cwd=ROOT,
                env=stack.process_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            stack.stop()
    assert ended.returncode != 0
    [line] = [line for line in ended.stderr.splitlines() if "retry" in line]
    assert line.startswith("REVIO_REDIS_URL")
    assert "Traceback" not in ended.stderr
