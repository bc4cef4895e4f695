"""A worker, Flower and the `revio` command behind TLS and on a unix socket."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from cli.dev.stack import ROOT, Stack
from revio_jobs import RevioJobs
from sandbox.local.embedded_redis import embedded_redis
from tests.acceptance.watching import wait_until
from tests.certificates import make_certificates
from tests.redis_proxy import proxy


@contextmanager
def stack_at(form: str, directory: Path) -> Iterator[tuple[Stack, str]]:
    """One worker for both lanes and Flower, which reach Redis by the returned URL alone."""
    make_certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    with (
        embedded_redis(options={"unixsocket": str(directory / "s")}) as redis,
        proxy(redis.port, context) as tls,
    ):
        url = form.format(port=tls.port, directory=directory)
        stack = Stack(directory, redis, {"REVIO_REDIS_URL": url})
        try:
            stack.start_sandbox({"customers": 2})
            stack.start_worker("both", ["revio.default.interactive", "revio.default.bulk"])
            stack.start_flower()
            stack.wait_until_ready()
            yield stack, url
        finally:
            stack.stop()


def workers_by_flower(stack: Stack) -> set[str]:
    with urlopen(f"{stack.flower_url}/api/workers?refresh=1", timeout=10) as workers:
        return set(json.load(workers))


@pytest.mark.parametrize(
    "form",
    ["rediss://127.0.0.1:{port}/0?ssl_ca_certs={directory}/ca.pem", "unix://{directory}/s"],
    ids=["rediss", "unix"],
)
def test_everybody_works_by_the_url_alone(form: str, tmp_path: Path) -> None:
    with stack_at(form, tmp_path) as (stack, url):
        with RevioJobs.connect(url) as jobs:
            assert jobs.update(id=5001, rate="12.50").result(timeout=30).outcome == "applied"
            assert jobs.query(ids=[5001]).result(timeout=30).customer_products
        revio = subprocess.run(
            [sys.executable, "-m", "cli", "audit", "--json"],
            cwd=ROOT,
            env=stack.process_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert revio.returncode == 0, revio.stderr
        assert json.loads(revio.stdout)
        wait_until(lambda: "both@local" in workers_by_flower(stack))


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
