"""Every page's code does what the page says, block by block, against a stack as new."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from redis import Redis

from cli.command import main
from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from tests.docs.pages import ROOT, Block, blocks_of, name_of, page_paths
from tests.patience import PATIENCE_S

RUNNABLE = {"python", "console", "sh"}
PAGES = [
    path
    for path in page_paths()
    if any(block.language in RUNNABLE and not block.not_run for block in blocks_of(path))
]
# One worker is sooner ready than two.
WORKERS = {"worker": ("revio.default.interactive", "revio.default.bulk")}
# The sandbox has what examples/ and the pages name, and no limit makes the reader of a test wait.
SANDBOX = {"customers": 1500, "calls_per_minute": 0}
FAST = {"REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000"}
REDIS_ADDRESS = "redis://localhost:6379/0"
PRICE_LIST = "id,rate\n5001,20.48\n5002,26.20\n5003,36.70\n5004,3.15\n"
READY = re.compile(r"ready\.|Visit me at|listening on|metrics at")

_EXIT = re.compile(r"#.*\bexits with (\d+)")
_COMMENT = re.compile(r"\s+#\s.*$")
_SERVICES = ("celery", "python -m sandbox", "revio exporter")


@pytest.fixture(scope="module")
def shared_stack() -> Iterator[Stack]:
    with local_stack(workers=WORKERS, sandbox=SANDBOX, environment=FAST) as running:
        yield running


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    """As it was when it started: no page reads on where another one has ended."""
    yield shared_stack
    with Redis.from_url(shared_stack.redis.url) as redis:
        redis.flushall()
    shared_stack.sandbox.reset()


@dataclass
class Reader:
    """Somebody who does what a page says, from its first block to its last."""

    stack: Stack
    directory: Path
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    environment: dict[str, str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def follow(self, block: Block) -> None:
        with self.patch.context() as patch:
            patch.setattr("os.environ", self.environment)
            patch.chdir(self.directory)
            match block.language:
                case "python":
                    code = block.code.replace(REDIS_ADDRESS, self.stack.redis.url)
                    exec(compile(code, str(block), "exec"), self.names)
                case "sh":
                    for line in _lines(block.code):
                        self._type(line, block)
                case "console":
                    for command, shown in _dialogue(block.code):
                        written = self._type(command, block)
                        assert _looks_like(shown).fullmatch(_plain(written)), (command, written)

    def _type(self, line: str, block: Block) -> str:
        """What the command has written. Its exit code is 0, or what the comment says."""
        text = _EXIT.search(line)
        command = _COMMENT.sub("", line)
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", _makefile(), re.MULTILINE), str(block)
            return ""
        if command.startswith(_SERVICES):
            return self._serve(command)
        run = self._revio if command.startswith("revio ") else self._shell
        code, written = run(command)
        assert code == int(text[1] if text else 0), (str(block), command, code, written)
        return written

    def _revio(self, command: str) -> tuple[int, str]:
        self.capsys.readouterr()
        code = main(shlex.split(command)[1:])
        return code, "".join(self.capsys.readouterr())

    def _shell(self, command: str) -> tuple[int, str]:
        """What it exports holds for the commands that follow."""
        kept = self.directory / ".environment"
        ended = subprocess.run(
            ["bash", "-euc", f"{command}\nenv -0 > {shlex.quote(str(kept))}"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if kept.exists():
            pairs = kept.read_text(encoding="utf-8").rstrip("\0").split("\0")
            self.environment.update(pair.split("=", 1) for pair in pairs)
            kept.unlink()
        return ended.returncode, ended.stdout + ended.stderr

    def _serve(self, command: str) -> str:
        """It starts, says that it is ready, and ends well when it is asked to."""
        module = {"celery": ["-m", "celery"], "revio": ["-m", "cli"], "python": []}
        name, *arguments = shlex.split(command)
        words = [*module[name], *arguments]
        service = Service(
            "page", [sys.executable, *words], self.stack.process_environment(), self.directory
        )
        service.log.unlink(missing_ok=True)
        service.start()
        try:
            service.wait_until(lambda: bool(READY.search(service.output())), timeout_s=PATIENCE_S)
        finally:
            service.stop()
        return service.output()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_reader_who_does_what_a_page_says_sees_what_it_says(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    page: Path,
) -> None:
    for directory in ("examples", "deploy/redis"):
        copytree(ROOT / directory, tmp_path / directory)
    (tmp_path / "june.csv").write_text(PRICE_LIST, encoding="utf-8")
    # As after `make setup`: `python` is that of the environment which has everything.
    own = str(Path(sys.executable).parent)
    environment = stack.process_environment()
    environment["PATH"] = os.pathsep.join([own, environment.get("PATH", "")])
    reader = Reader(stack, tmp_path, capsys, monkeypatch, environment)
    for block in blocks_of(page):
        if block.language in RUNNABLE and not block.not_run:
            reader.follow(block)


def _lines(code: str) -> list[str]:
    """Its commands: a loop is one."""
    joined = re.sub(r" *\\\n *", " ", code)
    commands = re.findall(r"^for .*?^done$|^[^\n]+$", joined, flags=re.MULTILINE | re.DOTALL)
    return [command for command in commands if not command.startswith("#")]


def _dialogue(code: str) -> Iterator[tuple[str, str]]:
    """Each command with what it is said to write."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def _plain(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def _looks_like(shown: str) -> re.Pattern[str]:
    """An ellipsis is anything: a line of its own any lines, within a line any text."""
    pattern = "\n".join(
        "(?s:.*)" if line == "…" else re.escape(line).replace("…", ".*")
        for line in _plain(shown).splitlines()
    )
    return re.compile(
        pattern.replace("(?s:.*)\n", "(?s:(?:.*\n)?)").replace("\n(?s:.*)", "(?s:(?:\n.*)?)")
    )


def _makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")
