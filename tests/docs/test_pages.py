"""What can be said of the pages without running what they tell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

import campaigns
import revio_jobs
import revio_jobs.aio
import revio_jobs.testing
from docs.generator.contracts import CONTRACTS
from revio_jobs import errors
from settings.table import rows as setting_rows
from tasks.alerts import ALERTS
from tests.docs.pages import ROOT, blocks_of, links_of, name_of, page_paths
from worker.celery_app.log_dedup import Round
from worker.celery_app.oversight import FIXES

PAGES = list(page_paths())
LANGUAGES = {"python", "console", "sh", "dotenv", "json", "sql", "text"}
PICTURE_BYTES = 200_000
CODE = [
    path.relative_to(ROOT).as_posix()
    for folder in ROOT.iterdir()
    if folder.is_dir() and folder.name[0] != "."
    for path in folder.rglob("*.*")
    if path.suffix in {".py", ".lua"}
]

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@each_page
def test_every_block_names_a_language_that_a_test_knows(page: Path) -> None:
    for block in blocks_of(page):
        # ARCHITECTURE.md draws its arrow.
        assert block.language in LANGUAGES, block


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    not_run = [block for page in PAGES for block in blocks_of(page) if block.not_run]
    assert len(not_run) <= 3
    assert all(len(block.not_run.split()) >= 4 for block in not_run)


@each_page
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for target in links_of(page):
        assert (page.parent / target.partition("#")[0]).is_file(), target


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = {
        path.name for path in ROOT.iterdir() if any(path.glob("**/*.py")) and path.name[0] != "."
    }
    assert {name for name in folders if f"`{name}/`" not in readme} == set()


def test_pictures_are_small_and_shown() -> None:
    shown = {(page.parent / target).resolve() for page in PAGES for target in links_of(page)}
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size <= PICTURE_BYTES, picture
        assert picture in shown


@each_page
def test_the_files_of_ours_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`([\w/]+\.(?:py|lua))`", page.read_text(encoding="utf-8"))
    assert [
        name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in CODE)
    ] == []


def test_json_blocks_are_json() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            if block.language == "json":
                json.loads(block.code)


def test_dotenv_blocks_name_settings() -> None:
    known = {row.name.replace("<NAME>", "DEFAULT") for row in setting_rows()}
    for page in PAGES:
        for block in blocks_of(page):
            if block.language == "dotenv":
                names = {line.partition("=")[0] for line in block.code.splitlines()}
                assert names <= known, block


def test_the_references_hold_the_whole_public_api() -> None:
    reference = "\n".join(
        page.read_text(encoding="utf-8") for page in (ROOT / "docs/reference").glob("*.md")
    )
    documented = set(re.findall(r"^::: ([\w.]+)$", reference, re.MULTILINE))
    documented |= {
        f"revio_jobs.{name}" for name in CONTRACTS if f"generated: fields of {name}" in reference
    }
    public = {
        f"{module.__name__}.{name}"
        for module in (revio_jobs, revio_jobs.aio, revio_jobs.testing, campaigns)
        for name in module.__all__
        if name != "__version__"
    }
    assert public - documented == set()


def test_every_error_that_a_caller_can_see_has_advice() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    advised = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    never_seen = {"RevioError", "Retryable", "Permanent", "Throttled", "QuotaExhausted"}
    tree = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.RevioError)
    }
    assert tree - never_seen <= advised


def test_every_event_that_wakes_somebody_is_in_the_table_of_alerts() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("campaigns", "console", "tasks", "worker")
        for path in (ROOT / folder).rglob("*.py")
    ]
    logged = re.findall(r'_log\.(?:error|exception|critical)\(\s*"(\w+)"', "\n".join(sources))
    events = {*logged, *FIXES, *(alert.event for alert in ALERTS.values())}
    page = (ROOT / "docs/operators/alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == events


def test_the_page_of_redis_names_every_key_that_we_write() -> None:
    wire = max((ROOT / "tests/integration/wire").glob("*.json")).read_text(encoding="utf-8")
    names = {key.split(":")[0] for key in re.findall(r'"revio:default:([\w:-]+)', wire)}
    names |= {f"revio:{key}" for key in re.findall(r'"revio:((?!default:)[\w:]+)', wire)}
    page = (ROOT / "docs/redis.md").read_text(encoding="utf-8")
    named = {name.rstrip(":") for name in re.findall(r"`([\w:]+)(?:<\w+>|…)?`", page)}
    named |= {name.partition(":")[0] for name in re.findall(r"`(\w+:<\w+>:)", page)}
    assert {name.rstrip(":") for name in names} <= named


def test_the_page_of_alerts_names_every_round_of_a_worker() -> None:
    page = (ROOT / "docs/operators/alerts.md").read_text(encoding="utf-8")
    rounds = re.search(r"own rounds \((.*?)\)", page, re.DOTALL)
    assert rounds
    assert re.findall(r"`(\w+)`", rounds[1]) == list(get_args(Round))


@pytest.mark.parametrize("folder", ["campaigns", "tasks", "worker", "worker/soap"])
def test_the_architecture_names_every_room(folder: str) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert rooms - set(re.findall(r"\w+", page)) == set()


def test_the_architecture_leads_to_the_glossary() -> None:
    assert "docs/glossary.md" in links_of(ROOT / "ARCHITECTURE.md")
