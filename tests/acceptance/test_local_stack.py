from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from cli.dev import ServiceError, local_stack, service
from revio_jobs import RevioJobs
from sandbox.local.children import spawn
from tests.acceptance.dev_command import DevCommand, dev_command
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(autouse=True)
def _cold_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users start them: no process of the suite stands between a stack and its services."""
    monkeypatch.setattr(service, "spawn", spawn)


def test_a_stack_does_jobs_with_no_setting_of_ours_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REVIO_THREADS", "0")
    others = set(psutil.Process().children(recursive=True))
    with local_stack(sandbox={"customers": 4}) as stack:
        children = list(set(psutil.Process().children(recursive=True)) - others)
        assert len(children) == 4
        with RevioJobs.connect(stack.redis.url) as jobs:
            found = jobs.query(ids=[5001]).result(timeout=PATIENCE_S)
        assert [one.customer_product_id for one in found.customer_products] == [5001]
        directories = [stack.directory, stack.redis.directory]
    assert not running(children)
    assert not any(directory.exists() for directory in directories)


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("redis://:pw@nowhere:1/2", "Transport redis://:**@nowhere:1/2"),
        ("sentinel://:pw@nowhere:1/2", "SentinelTransport sentinel://:**@nowhere:1/2"),
    ],
)
def test_workers_use_our_transport_under_the_name_that_flower_knows(
    tmp_path: Path, url: str, transport: str
) -> None:
    show = (
        "from worker.celery import app; from worker.celery_app import transport;"
        "c = app.connection();"
        "assert type(c.transport).__module__ == transport.__name__;"
        "print(type(c.transport).__name__, c.as_uri())"
    )
    account = "REVIO_ACCOUNTS__DEFAULT__"
    settings = {f"{account}{name}": "x" for name in ("USERNAME", "PASSWORD", "CLIENT_CODE")}
    settings |= {f"{account}ENDPOINT": "https://vendor.example", "REVIO_REDIS_URL": url}
    printed = subprocess.check_output(
        [sys.executable, "-c", show],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), **settings},
        text=True,
    )
    assert printed.strip() == transport


def test_a_worker_that_does_not_start_is_an_error_with_its_reason() -> None:
    before = set(psutil.Process().children())
    with (
        pytest.raises(ServiceError, match=r"(?s)interactive ended.*REVIO_THREADS='0': must be"),
        local_stack(environment={"REVIO_THREADS": "0"}),
    ):
        pytest.fail("a worker ran without threads")
    assert set(psutil.Process().children()) <= before


def make_dev(directory: Path) -> AbstractContextManager[DevCommand]:
    """`make dev` once it has greeted."""
    return dev_command("cli.dev", directory, until="Ctrl-C ends everything")


def test_make_dev_says_where_everything_is_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with make_dev(tmp_path) as command:
        greeting = command.output
        assert re.search(r"Redis +redis://127\.0\.0\.1:\d+/0", greeting)
        assert re.search(r"sandbox +http://127\.0\.0\.1:\d+/v20/default\.asmx", greeting)
        assert re.search(r"Flower +http://127\.0\.0\.1:\d+", greeting)
        assert re.search(r"export REVIO_ACCOUNTS__DEFAULT__ENDPOINT=http://", greeting)
        assert re.search(r"export REVIO_CONSOLE_USERS=/.*console-users.json", greeting)
        assert re.search(r"console +http://127\.0\.0\.1:\d+, as ann \(planner\) or bob ", greeting)
        assert len(command.children) == 6
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 0, command.output
        assert "Traceback" not in command.output
        assert not command.left()
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for it, as only Linux can")
def test_what_it_started_dies_with_a_killed_parent(tmp_path: Path) -> None:
    with make_dev(tmp_path) as command:
        command.process.kill()
        deadline = time.monotonic() + PATIENCE_S
        while command.left():
            assert time.monotonic() < deadline
            time.sleep(0.05)
