from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.command_table import COMMANDS
from cli.exit_code import ExitCode
from revio_jobs.version import __version__

Revio = Callable[..., Any]

ROOT = Path(__file__).parents[3]

# Each takes long enough to import that an operator notices.
HEAVY = {"celery", "kombu", "zeep", "lxml", "openpyxl", "flower"}
PRODUCER = {"celery", "kombu"}

IMPORTED = {
    "audit": set(),
    "lane": set(),
    "limits": set(),
    "status": set(),
    "exporter": set(),
    "query": PRODUCER,
    "update": PRODUCER,
    "result": PRODUCER,
    "dead": PRODUCER,
    "explain": PRODUCER,
}
"""Commands that need no more of the heavy modules than these."""


def imported_by(*arguments: str) -> set[str]:
    """The heavy modules that a command line imports in a process of its own."""
    code = "import sys; from cli.command import main; main(sys.argv[1:]); print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "client/src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return HEAVY & set(ended.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ()], ids=str)
def test_listing_the_commands_imports_none_of_them(arguments: tuple[str, ...]) -> None:
    assert imported_by(*arguments) == set()


@pytest.mark.parametrize(("command", "needed"), IMPORTED.items())
def test_a_command_imports_no_more_than_it_needs(command: str, needed: set[str]) -> None:
    assert imported_by(command, "--help") <= needed


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_first_words_of_its_own_help(name: str) -> None:
    assert COMMANDS[name].load().help.partition("\n")[0] == COMMANDS[name].summary


def test_the_version_is_that_of_the_newest_entry_of_the_changelog(revio: Revio) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    newest = next(line for line in changelog if line.startswith("## "))

    assert revio("--version").out == f"revio {__version__}\n"
    assert newest.startswith(f"## {__version__} (")


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("revio li", {"limits"}),
        ("revio campaign pl", {"plan"}),
        ("revio limits --acc", {"--account"}),
        ("revio query --lane b", {"bulk"}),
    ],
)
def test_the_shell_completes_commands_options_and_values(words: str, completions: set[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli"],
        cwd=ROOT,
        env={
            "PYTHONPATH": str(ROOT / "client/src"),
            "_REVIO_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(ended.stdout.split()) == completions


def test_a_misspelt_command_is_told_the_one_that_was_meant(revio: Revio) -> None:
    answer = revio("limit")
    assert answer.code == ExitCode.INVALID
    assert "'limits'" in answer.err
