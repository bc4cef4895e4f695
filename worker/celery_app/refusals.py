"""Celery's options and commands that would not work here: refused, with what to do instead.

docs/operators/celery-commands.md lists all others with what they do.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import click
from celery.utils.text import str_to_list
from click.core import ParameterSource

from revio_jobs.contracts import Lane, queue_name

_THREADS = "jobs run in a fixed number of threads: set REVIO_THREADS, or start more workers"
_NO_LIMIT = (
    "jobs are threads, which cannot be ended from outside: a call ends by "
    "REVIO_ACCOUNTS__<NAME>__CALL_TIMEOUT_S"
)
_PREFETCH = "a worker takes one message per free thread; set REVIO_THREADS"
_NO_CHILDREN = "jobs are threads of one process, which has no children to replace"
_NO_SCHEDULE = "this app has no schedule; a producer may run its own Celery beat"

OPTIONS: Mapping[str, str] = {
    "--pool": "jobs run in threads of our own pool; leave it out",
    "--concurrency": _THREADS,
    "--autoscale": _THREADS,
    "--prefetch-multiplier": _PREFETCH,
    "--disable-prefetch": _PREFETCH,
    "--time-limit": _NO_LIMIT,
    "--soft-time-limit": _NO_LIMIT,
    "--max-tasks-per-child": _NO_CHILDREN,
    "--max-memory-per-child": _NO_CHILDREN,
    "--pool-start-method": _NO_CHILDREN,
    "--optimization": "it is about child processes, and jobs are threads of one process",
    "--beat": _NO_SCHEDULE,
    "--schedule-filename": _NO_SCHEDULE,
    "--scheduler": _NO_SCHEDULE,
    "--purge": "use `revio withdraw`, which also tells callers and the ledger",
}
"""Options of `celery worker` by long name, each with what to do instead."""

SUBCOMMANDS: Mapping[str, str] = {
    "amqp": "it would take or drop messages that the ledger knows of: see `revio lane`, `revio "
    "explain` and `revio withdraw`",
    "beat": _NO_SCHEDULE,
    "logtool": "it reads Celery's log format; each line of this worker's log is a JSON object",
    "upgrade": "this app has no file of Celery settings: its settings are REVIO_ variables",
    "migrate": "messages without the ledger would be lost or done twice: move all of Redis by "
    "replication, then change REVIO_REDIS_URL",
}
"""Commands of `celery`, each with what to do instead."""

BROKERS: Mapping[str, str] = {
    "CELERY_BROKER_URL": "--broker",
    "CELERY_BROKER_READ_URL": "--broker",
    "CELERY_BROKER_WRITE_URL": "--broker",
    "CELERY_RESULT_BACKEND": "--result-backend",
}
"""Variables by which Celery would look elsewhere than the ledger, and the options that set them."""

COMMANDS: Mapping[str, str] = {
    "rate_limit": "calls are limited per account, over all workers: set "
    "REVIO_ACCOUNTS__<NAME>__CALLS_PER_MINUTE; `revio lane pause` stops a lane",
    "time_limit": _NO_LIMIT,
    "autoscale": _THREADS,
    "pool_grow": _THREADS,
    "pool_shrink": _THREADS,
    "pool_restart": "stop the worker with SIGTERM and start it again",
    "revoke_by_stamped_headers": "revoke jobs by their ids, or use `revio withdraw`",
}
"""Remote control commands, each with what to do instead."""

PURGE = (
    "purge would drop messages that the ledger would deliver again, and tell no caller; use "
    "`revio withdraw`"
)


def refuse_other_brokers(environment: Mapping[str, str]) -> None:
    """Raises SystemExit if Celery would use another Redis than the settings name."""
    for name, option in BROKERS.items():
        if environment.get(name):
            raise SystemExit(
                f"celery {option} and {name}: leave them out; REVIO_REDIS_URL says where Redis is, "
                "for messages and results alike"
            )


def refuse_subcommands() -> None:
    """Raises SystemExit if this process's command line is such a command of `celery`."""
    context = click.get_current_context(silent=True)
    name = context.invoked_subcommand if context else None
    if name and name in SUBCOMMANDS:
        raise SystemExit(f"celery {name}: {SUBCOMMANDS[name]}")


def refuse_options() -> None:
    """Raises SystemExit, with a line for each, if this process's command line has such options."""
    context = click.get_current_context(silent=True)
    if context is None or context.command.name != "worker":
        return
    given = [
        option
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        for option in parameter.opts
    ]
    refused = [
        f"celery worker {option}: {OPTIONS[option]}" for option in given if option in OPTIONS
    ]
    if refused:
        raise SystemExit("\n".join(refused))


def refuse_repeated_options(argv: Sequence[str]) -> None:
    """Raises SystemExit if an option is given twice of which Celery would heed the last alone.

    So `-Q one -Q other` would serve the other lane only. `argv`: the process's own.
    """
    context = click.get_current_context(silent=True)
    if context is None or context.command.name != "worker":
        return
    _, _, order = context.command.make_parser(context).parse_args(_of_worker(context, argv))
    for option, count in Counter(order).items():
        takes_one = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if takes_one and count > 1:
            raise SystemExit(
                f"celery worker {max(option.opts, key=len)}: it is given {count} times, and Celery "
                "takes the last alone: give it once (several lanes with commas between them)"
            )


def _of_worker(context: click.Context, argv: Sequence[str]) -> list[str]:
    """The arguments behind the word `worker`."""
    group = context.parent
    if group is None:
        return [*argv[1:]]
    _, arguments, _ = group.command.make_parser(group).parse_args([*argv[1:]])
    return arguments[1:]


def refuse_queues(
    included: str | Iterable[str] | None,
    excluded: str | Iterable[str] | None,
    accounts: Collection[str],
) -> None:
    """Raises SystemExit if -Q or -X names what is not a lane of these accounts, or none is left.

    Celery would listen to a queue of any name, to which nobody sends, and serve what a misspelt
    name was to exclude.
    """
    lanes = {queue_name(account, lane) for account in accounts for lane in Lane}
    given = {"--queues": _names(included), "--exclude-queues": _names(excluded)}
    known = f"revio.<account>.interactive or .bulk, of {', '.join(sorted(accounts))}"
    refused = [
        f"celery worker {option} {name}: this is not a lane; write {known}"
        for option, names in given.items()
        for name in names
        if name not in lanes
    ]
    if not refused and not set(given["--queues"] or lanes) - set(given["--exclude-queues"]):
        refused = ["celery worker --exclude-queues: no lane is left to serve"]
    if refused:
        raise SystemExit("\n".join(refused))


def _names(queues: str | Iterable[str] | None) -> list[str]:
    """As Celery reads them."""
    return [str(name) for name in str_to_list(queues) or ()]


def refuse_lost_options(argv: Sequence[str]) -> None:
    """Raises SystemExit if Celery would detach with the values of --uid and --gid alone."""
    if not {"-D", "--detach"} & {*argv}:
        return
    for option in ("--uid", "--gid"):
        if option in argv:
            raise SystemExit(
                f"celery worker {option}: with --detach Celery takes it in one word only; write "
                f"{option}=…"
            )


def refuse_options_without_effect() -> None:
    """Raises SystemExit if the process is not what these options say, since Celery says nothing."""
    context = click.get_current_context(silent=True)
    if context is None or context.command.name != "worker":
        return
    given = {name: value for name, value in context.params.items() if value is not None}
    without = [
        f"celery worker --{name}: {way}"
        for name, (holds, way) in _EFFECTS.items()
        if name in given and not holds(given[name])
    ]
    if without:
        raise SystemExit("\n".join(without))


def _is_umask(octal: str) -> bool:
    umask = os.umask(0)
    os.umask(umask)
    return umask == int(octal, 8)


def _is_executable(path: str) -> bool:
    return Path(path).absolute() == Path(sys.executable)


_EFFECTS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "umask": (
        _is_umask,
        "it holds with --detach, as octal digits after a 0; else set it before the start",
    ),
    "executable": (
        _is_executable,
        "it holds with --detach; else start the worker with that Python",
    ),
}
"""Of `celery worker`: whether the option holds by now, and what to do if not."""


def given_log_level() -> str | None:
    """The level that -l names on the command line; Celery has a default of its own without it."""
    context = click.get_current_context(silent=True)
    if (
        context is None
        or context.get_parameter_source("loglevel") is not ParameterSource.COMMANDLINE
    ):
        return None
    return str(logging.getLevelName(context.params["loglevel"]))
