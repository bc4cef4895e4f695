"""`make demo` as its user has it: one command, one verdict, nothing left."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.dev import local_stack
from cli.dev.rates import read
from cli.dev.story import Story
from revio_jobs import RevioJobs
from sandbox import RunningSandbox
from tests.acceptance.dev_command import DevCommand, dev_command

ROOT = Path(__file__).parents[2]
RATES = ROOT / "examples" / "new-rates.csv"


BEGINNING = "2. 2,000 updates"
IN_THE_MIDDLE = "500 of 2,000 ended"


def demo(directory: Path, until: str = IN_THE_MIDDLE) -> AbstractContextManager[DevCommand]:
    """A demonstration that has come so far with its updates."""
    return dev_command("cli.dev.demo", directory, until=until)


def test_the_demonstration_keeps_its_word(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        assert running.end() == 0, running.output
    assert re.search(r"updates from the CSV +2,000 +2,000 applied", running.output)
    assert re.search(r"the first of them again +100 +100 first results +0", running.output)
    assert re.search(r"a denied product +1 +1 rejected", running.output)
    assert "Checked against the sandbox's own record" in running.output
    assert "\x1b" not in running.output
    assert not running.left()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "until"), [(signal.SIGINT, IN_THE_MIDDLE), (signal.SIGTERM, BEGINNING)]
)
def test_stopped_while_it_updates_it_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, until: str
) -> None:
    with demo(tmp_path, until) as running:
        assert len(running.children) == 5
        running.process.send_signal(number)
        assert running.end() == 130, running.output
    assert "Traceback" not in running.output
    assert "Nothing is left running" in running.output
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
