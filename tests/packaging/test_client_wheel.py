"""The client as another service installs it: alone, beside `tasks` and `settings` of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from email import message_from_string
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from cli.dev import Stack, local_stack

ROOT = Path(__file__).parents[2]

PRODUCER = {
    "settings/__init__.py": 'REDIS_URL = __import__("sys").argv[1]\n',
    "tasks/__init__.py": "RATES = {5001: '12.50'}\n",
    "reprice.py": """
import json
import settings
import tasks
from revio_jobs import RevioJobs

with RevioJobs.connect(settings.REDIS_URL) as jobs:
    (id, rate), = tasks.RATES.items()
    update = jobs.update(id=id, rate=rate, idempotency_key="k").result(timeout=30)
    (product,) = jobs.query(ids=[id]).result(timeout=30).customer_products
    print(json.dumps({
        "update": update.model_dump(mode="json"),
        "product": product.model_dump(mode="json"),
        "modules": [settings.__file__, tasks.__file__],
    }))
""",
}


@dataclass(frozen=True)
class Producer:
    """A service with an environment of its own."""

    python: Path
    directory: Path

    def run(self, *arguments: str) -> str:
        """Its output. Nothing of this checkout can be imported."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "REVIO"))}
        finished = subprocess.run(
            [self.python, *arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


def pip(*arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, ROOT / "client")
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def producer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Producer:
    directory = tmp_path_factory.mktemp("producer")
    for name, text in PRODUCER.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    venv.create(directory / "venv", with_pip=False)
    python = directory / "venv" / "bin" / "python"
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line.rstrip(" \\") for line in locked if "==" in line]
    (directory / "constraints.txt").write_text("\n".join(pinned), encoding="utf-8")
    pip("--python", python, "install", "--constraint", directory / "constraints.txt", wheel)
    return Producer(python, directory)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(sandbox={"customers": 4}) as running:
        yield running


def test_the_wheel_holds_the_client_and_asks_for_celery_and_pydantic_only(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        told = message_from_string(archive.read(metadata).decode())
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"revio_jobs"}
    assert {"revio_jobs/py.typed", "revio_jobs/reserve.lua", "revio_jobs/search.lua"} <= set(names)
    assert {one.partition(">")[0] for one in told.get_all("Requires-Dist", [])} == {
        "celery[redis]",
        "pydantic",
    }


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
    told: dict[str, Any] = json.loads(producer.run("reprice.py", stack.redis.url))
    assert told["update"]["outcome"] == "applied"
    assert told["product"]["customer_product_id"] == 5001
    assert Decimal(told["product"]["rate"]) == Decimal("12.50")
    assert all(str(producer.directory) in module for module in told["modules"])
    assert stack.sandbox.products([5001])[5001]["Rate"] == "12.5000"


def test_the_errors_are_the_clients_own(producer: Producer) -> None:
    told = producer.run(
        "-c",
        "from revio_jobs import errors; print(issubclass(errors.InvalidJob, errors.RevioError))",
    )
    assert told.strip() == "True"
