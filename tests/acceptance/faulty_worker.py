"""The worker's app, in a process that kills itself at a given point of an update's life.

    FAULT_POINT=intend-send celery -A tests.acceptance.faulty_worker worker …

Nothing in the worker knows of this: what is called at that point is wrapped from outside.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from worker.celery import app
from worker.ledger import RedisLedger
from worker.soap import RevioGateway

__all__ = ["app"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def dying(*args: Any, **kwargs: Any) -> Any:
        method(*args, **kwargs)
        die()

    return dying


def dying_soon_after(method: Callable[..., Any]) -> Callable[..., Any]:
    """While the vendor, which takes its time, has the request."""

    @functools.wraps(method)
    def dying(*args: Any, **kwargs: Any) -> Any:
        method(*args, **kwargs)
        threading.Timer(0.1, die).start()

    return dying


match os.environ["FAULT_POINT"]:
    case "claim-intend":
        RedisLedger.intend = lambda *_: die()  # type: ignore[method-assign]
    case "intend-send":
        RedisLedger.intend = dying_after(RedisLedger.intend)  # type: ignore[method-assign]
    case "send-answer":
        RedisLedger.intend = dying_soon_after(RedisLedger.intend)  # type: ignore[method-assign]
    case "answer-settle":
        RevioGateway.update = dying_after(RevioGateway.update)  # type: ignore[method-assign]
    case "settle-acknowledge":
        RedisLedger.settle = dying_after(RedisLedger.settle)  # type: ignore[method-assign]
