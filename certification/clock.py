"""The experiments' clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Unix time, and waiting."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
