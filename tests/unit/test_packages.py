"""Packages that import their parts when these are first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import campaigns
import revio_jobs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", [campaigns, revio_jobs], ids=lambda package: package.__name__)
def test_each_exported_name_is_there_and_no_other(package: ModuleType) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("package", ["campaigns", "revio_jobs", "revio_jobs.errors"])
def test_importing_a_package_imports_no_part_that_is_heavy(package: str) -> None:
    code = f"import sys, {package}; print({{'celery', 'openpyxl', 'zeep'}} & {{*sys.modules}})"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "client/src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "set()\n"
