"""A contributor's commands and habits."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".lua", ".md", ".toml", ".yaml", ".yml", ".lock", ".conf"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def own_files() -> list[Path]:
    """The text files of the tree, without what is generated or installed."""
    hidden = {path for path in ROOT.iterdir() if path.name[0] == "." or path.name == "site"}
    return [
        path
        for top in set(ROOT.iterdir()) - hidden
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.suffix in TEXT and not path.name.startswith(".")
    ]


def test_make_help_lists_each_target_with_what_it_does() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert targets
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [re.fullmatch(r"make ([\w-]+) +(\S.*)", line) for line in shown.splitlines()]
    assert [line and line[1] for line in lines] == targets[1].split()


def test_a_commit_is_checked_by_what_ci_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repository in hooks["repos"] for hook in repository["hooks"]]
    assert entries == ["make --silent check"]
    assert "\nmake check\n" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_nothing_is_fetched_to_check_a_commit() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}


def test_text_files_are_as_the_editorconfig_says() -> None:
    files = own_files()
    assert len(files) > 400
    for path in files:
        text = path.read_bytes().decode()
        assert "\r" not in text, path
        assert "\t" not in text, path
        assert not text or text.endswith("\n"), path
        assert not re.search(r" +$", text, flags=re.MULTILINE), path
