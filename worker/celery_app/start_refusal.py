"""How a start is refused: before a worker leaves the terminal, or else where its events go.

`celery worker --detach`, and `celery multi`, which uses it, report success as soon as the process
has left the terminal; what it writes to standard error afterwards is seen by nobody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click
import structlog
from celery.bin import worker as celerys_worker
from celery.utils.nodenames import node_format

from worker.celery_app.logs import configure_logs

_log = structlog.get_logger(__name__)

_celerys_detach = celerys_worker.detach


def check_before_detaching(check: Callable[[Mapping[str, Any]], None]) -> None:
    """Call `check` with the options of `celery worker` before it leaves the terminal.

    It raises SystemExit if the worker could not start.
    """

    def detach(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Celery's
        check(click.get_current_context().params)
        return _celerys_detach(*args, **options)

    celerys_worker.detach = detach


def refuse_start(reason: str, code: int = 1) -> NoReturn:
    """End the process with a line on standard error, and an event in its log file if it has one."""
    sys.stderr.write(f"{reason}\n")
    context = click.get_current_context(silent=True)
    options = context.params if context and context.command.name == "worker" else {}
    if logfile := options.get("logfile"):
        configure_logs("ERROR", "auto", node_format(logfile, options["hostname"]))
        _log.critical("worker_refused", reason=reason)
    raise SystemExit(code)
