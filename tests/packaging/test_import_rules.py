"""The import rules of pyproject.toml: each is broken in a copy of the tree, and the check fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in RULES["contracts"]}

# Run by others than Python's import: Flower reads its configuration, hatchling builds the client.
NOT_PACKAGES = {"deploy", "client", "docs"}

UNPLACED = "unplaced"


@dataclass(frozen=True)
class Planted:
    """An import that a contract forbids."""

    contract: str
    importer: str
    imported: str


@dataclass(frozen=True)
class Report:
    """The answer of the check."""

    code: int
    broken: Mapping[str, str]
    """What it says of each broken contract."""

    @classmethod
    def of(cls, tree: Path) -> Self:
        ended = subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
            cwd=tree,
            # Wide enough that no title is folded.
            env=os.environ | {"PYTHONPATH": str(tree / "client/src"), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
        _, _, details = ended.stdout.partition("Broken contracts")
        titled = re.split(r"^(.+)\n-+\n", details, flags=re.MULTILINE)[1:]
        return cls(ended.returncode, dict(zip(titled[::2], titled[1::2], strict=True)))


ONE_WAY = "imports point one way, adapters never import each other, settings and sandbox are leaves"
SETTINGS = "settings are read by entry points and the wiring alone"
SANDBOX = "the sandbox is for development alone"
CELERY = "Celery is met in the worker's shell, the client and the entry points"
REDIS = "Redis is met in adapters, the client and the entry points"

PLANTED = [
    Planted(ONE_WAY, "worker.soap", "worker.limiter"),
    Planted(ONE_WAY, "worker.limiter", "worker.ledger"),
    Planted(ONE_WAY, "worker.ledger", "campaigns"),
    Planted(ONE_WAY, "campaigns", "worker.soap"),
    Planted(ONE_WAY, "tasks", "worker.redis_kit"),
    Planted(ONE_WAY, "tasks", "campaigns"),
    Planted(ONE_WAY, "revio_jobs", "tasks"),
    Planted(ONE_WAY, "revio_jobs", "settings"),
    Planted(ONE_WAY, "settings", "revio_jobs"),
    Planted(ONE_WAY, "sandbox", "revio_jobs"),
    Planted(ONE_WAY, "sandbox", "worker.soap"),
    Planted(ONE_WAY, "worker.celery_app", "cli"),
    Planted(ONE_WAY, "cli", "bench"),
    Planted(ONE_WAY, "bench", "tests"),
    Planted("the campaigns' rooms", "campaigns.store", "campaigns.api"),
    Planted("the campaigns' rooms", "campaigns.source", "campaigns.rules"),
    Planted("the worker's rooms", "worker.redis_kit", "worker.ledger"),
    Planted("the rooms of the vendor's gateway", "worker.soap.wsdl", "worker.soap.answer"),
    Planted("the sandbox's rooms", "sandbox.contract", "sandbox.server"),
    Planted("the rooms of what a job means", "tasks.query", "tasks.update"),
    Planted("the client's rooms", "revio_jobs.contracts", "revio_jobs.client"),
    Planted("the settings' modules", "settings.units", "settings.model"),
    Planted("the command line's rooms", "cli.exit_code", "cli.tables"),
    Planted("the console's rooms", "console.security.users", "console.pages.sign_in"),
    Planted("the rooms of certification", "certification.finding", "certification.lab"),
    Planted("the simulation's modules", "simulation.timeline", "simulation.scenario"),
    Planted("the benchmarks' modules", "bench.peers", "bench.field"),
    Planted("suites share nothing but their fixtures", "tests.unit", "tests.integration"),
    Planted(SETTINGS, "worker.limiter", "settings"),
    Planted(SETTINGS, "tasks", "settings"),
    Planted(SETTINGS, "campaigns", "settings"),
    Planted(SANDBOX, "worker.soap", "sandbox"),
    Planted(SANDBOX, "cli.doctor", "sandbox"),
    Planted(CELERY, "tasks", "celery"),
    Planted(CELERY, "campaigns", "celery"),
    Planted(CELERY, "worker.ledger", "kombu"),
    Planted(CELERY, "sandbox", "celery"),
    Planted(CELERY, "revio_jobs.contracts", "celery"),
    Planted(REDIS, "tasks", "redis"),
    Planted(REDIS, "campaigns.plan", "redis"),
    Planted(REDIS, "revio_jobs.contracts", "redis"),
    Planted("what adapters share of Redis is for adapters", "campaigns.run", "worker.redis_kit"),
    Planted("the vendor's SOAP is met in worker.soap", "worker.ledger", "zeep"),
    Planted("the vendor's SOAP is met in worker.soap", "cli", "zeep"),
    Planted(
        "tracing is met where the vendor is called and in the worker's shell",
        "tasks",
        "opentelemetry",
    ),
    Planted("XML is met where SOAP is spoken and workbooks are read", "campaigns.plan", "lxml"),
    Planted(
        "spreadsheets are met where price lists are read and written", "campaigns.plan", "openpyxl"
    ),
    Planted("terminals are met in the command line", "campaigns.results", "rich"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What the check says of a copy of the tree in which each contract is broken."""
    tree = tmp_path_factory.mktemp("tree")
    for source in map(directory_of, RULES["root_packages"]):
        shutil.copytree(
            source,
            tree / source.relative_to(ROOT),
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copy(ROOT / "pyproject.toml", tree)
    for planted in PLANTED:
        with file_of(tree, planted.importer).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {planted.imported}\n")
    for container in containers():
        file_of(tree, container).with_name(f"{UNPLACED}.py").touch()
    return Report.of(tree)


def containers() -> dict[str, str]:
    """The packages of which each child must be placed, with their contracts."""
    return {
        container: name
        for name, contract in CONTRACTS.items()
        if contract.get("exhaustive")
        for container in contract["containers"]
    }


def directory_of(module: str) -> Path:
    base = ROOT / "client" / "src" if module.startswith("revio_jobs") else ROOT
    return base.joinpath(*module.split("."))


def file_of(tree: Path, module: str) -> Path:
    """Its file in the tree; that of a package is made if there is none."""
    directory = directory_of(module)
    file = directory / "__init__.py" if directory.is_dir() else directory.with_suffix(".py")
    return tree / file.relative_to(ROOT)


def test_a_tree_in_which_contracts_are_broken_fails_the_check(report: Report) -> None:
    assert report.code == 1


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_forbidden_import_breaks_its_contract(report: Report, planted: Planted) -> None:
    assert re.search(
        rf"\b{re.escape(planted.importer)}\b.* -> {re.escape(planted.imported)}\b",
        report.broken[planted.contract],
    )


@pytest.mark.parametrize(("container", "contract"), containers().items())
def test_a_module_that_no_contract_places_breaks_that_of_its_package(
    report: Report, container: str, contract: str
) -> None:
    assert f"- {container}.{UNPLACED}" in report.broken[contract]


def test_each_contract_has_a_case_that_breaks_it() -> None:
    assert {planted.contract for planted in PLANTED} == set(CONTRACTS)


def test_each_package_of_the_tree_is_placed() -> None:
    directories = {path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    named = {path.name for path in directories if any(path.rglob("*.py"))}
    packages = named - NOT_PACKAGES | {"revio_jobs"}
    layers = re.split(r" [|:] ", " | ".join(CONTRACTS[ONE_WAY]["layers"]))

    assert packages == set(RULES["root_packages"])
    assert packages == {layer.partition(".")[0] for layer in layers}
