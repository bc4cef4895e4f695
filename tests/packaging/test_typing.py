"""The documented calls, as the type checkers of producers see them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTED = Path(__file__).parent / "typed" / "producer.py"
MYPY = ["mypy", "--strict", "--config-file="]
PYRIGHT = ["basedpyright", "--level", "error", "--pythonpath", sys.executable]
WRONG_CALLS = [
    "UpdateJob(id=5001, rate=12.5)",
    "UpdateJob(id='5001', rate='12.50')",
    "UpdateJob(id=5001, rte='12.50')",
    "UpdateJob(rate='12.50')",
    "QueryJob(ids=5001)",
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With nothing of ours: no configuration, and so no plugin of pydantic."""
    made = tmp_path_factory.mktemp("producer")
    (made / "pyproject.toml").write_text('[tool.basedpyright]\ntypeCheckingMode = "standard"\n')
    return made


def check(source: Path, checker: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name(checker[0]), *checker[1:], source],
        cwd=directory,
        env={**os.environ, "MYPYPATH": str(ROOT / "client" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_a_type_checker_accepts_the_documented_calls(checker: list[str], directory: Path) -> None:
    checked = check(DOCUMENTED, checker, directory)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_a_type_checker_refuses_what_the_contract_refuses(
    checker: list[str], directory: Path
) -> None:
    source = directory / "wrong.py"
    lines = ["from revio_jobs import QueryJob, UpdateJob", *WRONG_CALLS]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")

    checked = check(source, checker, directory)

    refused = set(re.findall(r"wrong\.py:(\d+)\S* (?:- )?error:", checked.stdout))
    assert refused == {str(number) for number in range(2, 2 + len(WRONG_CALLS))}, checked.stdout
