"""How a start is refused: before a worker leaves the terminal, or else where its events go.

`celery worker --detach`, and `celery multi`, which uses it, report success as soon as the process
has left the terminal; what it writes to standard error afterwards is seen by nobody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NoReturn

import click
import structlog
from celery.bin import worker as celerys_worker
from celery.utils.nodenames import default_nodename, host_format, node_format

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


def essential(receiver: Callable[..., None]) -> Callable[..., None]:
    """A receiver of a signal of Celery's without which the worker would be half of one.

    Celery logs what a receiver raises, and goes on: a worker whose rounds have not begun takes
    jobs, opens no closed lane again, sweeps nothing and carries no campaign on, and nobody hears
    of it. This one ends, so that whoever supervises it starts another.
    """

    @wraps(receiver)
    def receive(*args: Any, **options: Any) -> None:  # noqa: ANN401 - as Celery's
        try:
            receiver(*args, **options)
        except Exception as exc:  # noqa: BLE001
            _log.exception("worker_start_failed")
            refuse_start(f"the worker cannot start: {type(exc).__name__}: {exc}")

    return receive


def refuse_start(reason: str, code: int = 1) -> NoReturn:
    """End the process with a line on standard error, and an event in its log file if it has one."""
    sys.stderr.write(f"{reason}\n")
    options = _worker_options(sys.argv)
    logfile = options.get("logfile")
    if logfile and not _is_still_root(options):
        node = host_format(default_nodename(options.get("hostname")))
        configure_logs("ERROR", "auto", node_format(logfile, node))
        _log.critical("worker_refused", reason=reason)
    raise SystemExit(code)


def _is_still_root(options: Mapping[str, Any]) -> bool:
    """Before --uid or --gid holds: the log file would be root's, and closed to the next start."""
    return os.geteuid() == 0 and bool({"uid", "gid"} & options.keys())


def _worker_options(argv: Sequence[str]) -> Mapping[str, Any]:
    """What is given to `celery worker`, which Celery reads only after it has imported the app."""
    places = [
        place
        for place, word in enumerate(argv)
        if word == "worker" and argv[place - 1] not in {"-A", "--app"}
    ]
    if not places:
        return {}
    command = celerys_worker.worker
    try:
        parser = command.make_parser(click.Context(command))
        given, _, _ = parser.parse_args(list(argv[places[0] + 1 :]))
    except click.ClickException:
        return {}
    return dict(given)
