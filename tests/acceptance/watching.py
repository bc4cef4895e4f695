"""What tests see of a stack from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

from cli.dev.stack import Stack
from tests.patience import PATIENCE_S


def events(stack: Stack, name: str) -> int:
    """How often the worker called "bulk" has logged it."""
    return stack.services["bulk"].output().count(f'"event": "{name}"')


def wait_until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    gives_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < gives_up, "not in time"
        time.sleep(0.05)
