"""How long a test waits for what must happen."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""Seconds until a test gives up.

What it waits for comes long before on a quiet machine, and still comes on a busy one: no test
measures speed by it; `bench/` does.
"""


def wait_until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    gives_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < gives_up, "not in time"
        time.sleep(0.05)
