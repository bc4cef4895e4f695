"""`make demo` as its user has it: one command, one verdict, nothing left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from cli.dev import local_stack
from cli.dev.rates import read
from cli.dev.story import Story
from revio_jobs import RevioJobs
from sandbox import RunningSandbox
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
RATES = ROOT / "examples" / "new-rates.csv"


@dataclass
class Demo:
    """One that is in the middle of its updates."""

    process: subprocess.Popen[str]
    said: str
    children: list[psutil.Process]

    def end(self) -> int:
        """Its exit code."""
        self.said += self.process.communicate(timeout=2 * PATIENCE_S)[0]
        return self.process.returncode

    def left(self) -> list[psutil.Process]:
        """Of its processes, those that still run."""
        return [child for child in self.children if child.is_running()]


@contextmanager
def demo(directory: Path) -> Iterator[Demo]:
    """Runs with `directory` for temporary files."""
    with subprocess.Popen(
        [sys.executable, "-m", "cli.dev.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = ""
            while "500 of 2,000 ended" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield Demo(process, said, psutil.Process(process.pid).children(recursive=True))
        finally:
            process.kill()


def test_the_demonstration_keeps_its_word(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        assert running.end() == 0, running.said
    assert re.search(r"updates from the CSV +2,000 +2,000 applied", running.said)
    assert re.search(r"the first of them again +100 +100 first results +0", running.said)
    assert re.search(r"a denied product +1 +1 rejected", running.said)
    assert "Checked against the sandbox's own record" in running.said
    assert "\x1b" not in running.said
    assert not running.left()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demo(tmp_path) as running:
        assert len(running.children) == 5
        running.process.send_signal(number)
        assert running.end() == 130, running.said
    assert "Traceback" not in running.said
    assert "Nothing is left running" in running.said
    assert not running.left()
    assert not list(tmp_path.iterdir())


class Liar(RunningSandbox):
    """Says that one product still has its old rate."""

    def products(self, ids: Iterable[int] | None = None) -> dict[int, dict[str, Any]]:
        found = super().products(ids)
        found[5001]["Rate"] = "19.5000"
        return found


def test_a_result_that_the_sandbox_does_not_confirm_is_told_and_fails() -> None:
    out = StringIO()
    with local_stack() as stack, RevioJobs.connect(stack.redis.url) as jobs:
        sandbox = Liar(stack.sandbox.endpoint)
        story = Story(Console(file=out), sandbox, jobs)
        assert not story.tell(read(RATES)[:100], calls_per_minute=500)
    assert "WRONG: product 5001 costs 19.5000 instead of 20.48" in out.getvalue()
    assert "Checked" not in out.getvalue()
