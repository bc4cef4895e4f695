"""What tests see of a stack from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from cli.dev.stack import Stack
from tests.patience import PATIENCE_S

Seen = TypeVar("Seen")


def events(stack: Stack, name: str) -> int:
    """How often the worker called "bulk" has logged it."""
    return stack.services["bulk"].output().count(f'"event": "{name}"')


def settled(look: Callable[[], Seen], for_s: float) -> Seen:
    """What is seen once it has stayed the same for so long."""
    gives_up = time.monotonic() + PATIENCE_S
    while True:
        seen = look()
        time.sleep(for_s)
        if look() == seen:
            return seen
        assert time.monotonic() < gives_up, "not in time"
