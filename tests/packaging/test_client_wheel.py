"""The client as another service installs it: alone, beside `tasks` and `settings` of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import revio_jobs
from cli.dev import Stack, local_stack
from tests.redis_proxy import proxy
from tests.redis_sentinel import OWN_PASSWORD, sentinel_of

ROOT = Path(__file__).parents[2]

PRODUCER = {
    "settings/__init__.py": 'REDIS_URL = __import__("sys").argv[1]\n',
    "tasks/__init__.py": "RATES = {5001: '12.50'}\n",
    "reprice.py": """
import asyncio
import json
import settings
import tasks
from revio_jobs import RevioJobs, UpdateJob
from revio_jobs.aio import AsyncRevioJobs

async def rate_now(id):
    async with AsyncRevioJobs.connect(settings.REDIS_URL) as jobs:
        query = await jobs.query(ids=[id])
        return (await query.result(timeout=300)).customer_products[0].rate

with RevioJobs.connect(settings.REDIS_URL) as jobs:
    (id, rate), = tasks.RATES.items()
    update = jobs.update(id=id, rate=rate, idempotency_key="k").result(timeout=300)
    (product,) = jobs.query(ids=[id]).result(timeout=300).customer_products
    again = jobs.submit([UpdateJob(id=id, rate=rate, idempotency_key="k")])
    conflict = jobs.submit([UpdateJob(id=id, rate="1", idempotency_key="k")])
    print(json.dumps({
        "async": str(asyncio.run(rate_now(id))),
        "submissions": [handle.submission for handle in again + conflict],
        "update": update.model_dump(mode="json"),
        "product": product.model_dump(mode="json"),
        "modules": [settings.__file__, tasks.__file__],
    }))
""",
    "twice.py": """
import asyncio
import sys
from revio_jobs import RevioJobs
from revio_jobs.aio import AsyncRevioJobs

def tell(handle):
    print(handle.submission, flush=True)
    sys.stdin.readline()

async def twice_async(url):
    async with AsyncRevioJobs.connect(url) as jobs:
        for _ in range(2):
            tell(await jobs.query(ids=[5001]))

with RevioJobs.connect(sys.argv[1]) as jobs:
    for _ in range(2):
        tell(jobs.query(ids=[5001]))
asyncio.run(twice_async(sys.argv[1]))
""",
    "spare.py": """
import sys
from revio_jobs.connection import connect_redis

with connect_redis(sys.argv[1]) as redis, redis.client() as used, redis.client() as idle:
    used.ping()
    idle.ping()
    standing, given_back = used.connection, idle.connection
    idle.close()
    redis.connection_pool.disconnect(inuse_connections=False)
    print(standing._sock is not None, given_back._sock is not None)
    redis.connection_pool.disconnect()
    print(standing._sock is not None)
""",
}


@dataclass(frozen=True)
class Producer:
    """A service with an environment of its own."""

    python: Path
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of this checkout can be imported."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "REVIO"))}

    def run(self, *arguments: str) -> str:
        """Its output."""
        finished = subprocess.run(
            [self.python, *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


def pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
    )


def metadata_of(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("-info/METADATA"))
        return message_from_string(archive.read(metadata).decode())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, ROOT / "client")
    (built,) = directory.glob("*.whl")
    return built


def locked() -> list[str]:
    """The versions that we test with."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return [line.rstrip(" \\") for line in lock.splitlines() if "==" in line]


def lowest() -> list[str]:
    """The lowest versions that the client declares."""
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text(encoding="utf-8"))
    required = [Requirement(line) for line in client["project"]["dependencies"]]
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in required
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


def newest() -> list[str]:
    """The newest versions that it declares, whatever they are by now."""
    return []


PINS = {pins.__name__: pins for pins in (locked, lowest, newest)}


@pytest.fixture(scope="module")
def producer(
    client_versions: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Producer:
    directory = tmp_path_factory.mktemp("producer")
    for name, text in PRODUCER.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    venv.create(directory / "venv", with_pip=False)
    python = directory / "venv" / "bin" / "python"
    (directory / "constraints.txt").write_text("\n".join(PINS[client_versions]()), encoding="utf-8")
    pip("--python", python, "install", "--constraint", directory / "constraints.txt", wheel)
    return Producer(python, directory)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(sandbox={"customers": 4}) as running:
        yield running


def test_the_wheel_holds_the_client_and_asks_for_what_it_imports(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"revio_jobs"}
    assert {"revio_jobs/py.typed", "revio_jobs/reserve.lua", "revio_jobs/probe.lua"} <= set(names)
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert {requirement.name for requirement in required} == {
        "celery",
        "kombu",
        "pydantic",
        "redis",
    }
    for requirement in required:
        assert {bound.operator for bound in requirement.specifier} == {">=", "<"}


def test_the_package_says_what_it_is(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["Version"] == revio_jobs.__version__
    assert "RevioJobs.connect" in str(metadata.get_payload())
    assert "Programming Language :: Python :: 3.11" in metadata.get_all("Classifier", [])


def test_a_producer_installs_none_of_the_workers_dependencies(producer: Producer) -> None:
    installed = producer.run(
        "-c",
        "from importlib.metadata import distributions as d; print([x.name.lower() for x in d()])",
    )
    assert "revio-jobs" in installed
    for heavy in ("zeep", "lxml", "structlog", "pydantic-settings", "typer", "flower"):
        assert heavy not in installed


def test_a_producer_with_tasks_and_settings_of_its_own_submits_and_collects(
    producer: Producer, stack: Stack
) -> None:
    report: dict[str, Any] = json.loads(producer.run("reprice.py", stack.redis.url))
    assert report["update"]["outcome"] == "applied"
    assert report["product"]["customer_product_id"] == 5001
    assert Decimal(report["product"]["rate"]) == Decimal(report["async"]) == Decimal("12.50")
    assert report["submissions"] == ["settled", "conflict"]
    assert all(str(producer.directory) in module for module in report["modules"])
    assert stack.sandbox.products([5001])[5001]["Rate"] == "12.5000"


def submissions(producer: Producer, url: str, between: Callable[[], None]) -> list[str]:
    """Two by a client, then two by an asyncio client; `between` is called after each."""
    with subprocess.Popen(
        [producer.python, "twice.py", url],
        cwd=producer.directory,
        env=producer.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        lines: list[str] = []
        for line in iter(stdout.readline, ""):
            lines.append(line.strip())
            between()
            stdin.write("\n")
            stdin.flush()
    return lines


def test_it_finds_the_master_through_sentinels(
    producer: Producer, stack: Stack, tmp_path: Path
) -> None:
    password = quote(OWN_PASSWORD, safe="")
    with sentinel_of(tmp_path, stack.redis.port, "") as port:
        url = f"sentinel://127.0.0.1:{port}/0?sentinel_password={password}"
        assert submissions(producer, url, lambda: None) == ["new"] * 4
        assert producer.run("spare.py", url).split() == ["True", "False", "False"]


def test_it_proceeds_when_its_connections_fall_silent(producer: Producer, stack: Stack) -> None:
    with proxy(stack.redis.port) as name:
        url = f"redis://127.0.0.1:{name.port}/0?socket_timeout=0.5"
        assert submissions(producer, url, name.mute) == ["new"] * 4


def test_the_errors_are_the_clients_own(producer: Producer) -> None:
    report = producer.run(
        "-c",
        "from revio_jobs import errors; print(issubclass(errors.InvalidJob, errors.RevioError))",
    )
    assert report.strip() == "True"
