"""The pinned dependencies: complete, verifiable, and bound to no package index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {
    "requirements.lock": ("dev",),
    "requirements-run.lock": ("run", "console"),
    "requirements-docs.lock": ("docs",),
    "requirements-browser.lock": ("browser",),
}
"""The dependency groups of each."""


def entries(lock: str) -> list[str]:
    """Each pinned package with its hashes as one line."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return text.replace("\\\n", " ").splitlines()


def pins(lock: str) -> dict[str, str]:
    """The version by package."""
    found = [Requirement(entry.partition("--hash")[0]) for entry in entries(lock)]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


def group(*of: str) -> set[str]:
    """The packages that dependency groups name, those of included groups too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "dependency-groups"
    ]
    names = set()
    for item in (item for name in of for item in groups[name]):
        if isinstance(item, str):
            names.add(canonicalize_name(Requirement(item).name))
        else:
            names |= group(item["include-group"])
    return names


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes(lock: str) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert re.fullmatch(r"[\w.-]+==[^\s;]+(\s*;[^-]+)?(\s+--hash=sha256:[0-9a-f]{64})+", entry)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_option(lock: str) -> None:
    for entry in entries(lock):
        assert "://" not in entry
        assert not entry.startswith("-")
        assert " @ " not in entry


@pytest.mark.parametrize(("lock", "groups"), LOCKS.items())
def test_a_lock_holds_all_that_is_asked_for(lock: str, groups: tuple[str, ...]) -> None:
    assert group(*groups) <= set(pins(lock))


def test_the_image_holds_the_versions_that_were_tested_and_no_development_tools() -> None:
    run, everything = pins("requirements-run.lock"), pins("requirements.lock")
    assert run.items() <= everything.items()
    assert not (group("dev") - group("run", "console")) & set(run)


def test_building_the_site_changes_no_version_that_was_tested() -> None:
    site, everything = pins("requirements-docs.lock"), pins("requirements.lock")
    assert all(everything[name] == version for name, version in site.items() if name in everything)
    assert "mkdocs-material" not in everything
