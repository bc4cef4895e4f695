"""The README's own code does what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.dev import Stack, local_stack
from revio_jobs import errors

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^revio (.*?)(?: {2,}#.*)?$", README, re.MULTILINE)

Revio = Callable[..., Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(sandbox={"customers": 20}) as running:
        yield running


@pytest.mark.parametrize("code", PYTHON)
def test_what_producers_are_told_to_write_applies_an_update(
    stack: Stack, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    done = sum(map(len, stack.sandbox.updates().values()))
    exec(code.replace("redis://localhost:6379/0", stack.redis.url), {})
    assert "applied" in capsys.readouterr().out
    assert sum(map(len, stack.sandbox.updates().values())) == done + 1


def test_what_operators_are_told_to_type_is_understood(stack: Stack, revio: Revio) -> None:
    assert len(COMMANDS) >= 7
    for command in COMMANDS:
        said = revio(*command.split(), env=stack.environment)
        assert said.code in {0, 1}, said.err
        assert "--help" not in said.err


def test_every_error_that_a_caller_can_see_has_advice() -> None:
    advised = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    never_seen = {"RevioError", "Retryable", "Permanent", "Throttled", "QuotaExhausted"}
    tree = {
        name
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.RevioError)
    }
    assert tree - never_seen <= advised
