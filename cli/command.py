"""The `revio` command: which commands there are, and what no command lets through."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import structlog
import typer
from typer.main import get_command

from cli.answer import complain
from cli.audit import audit
from cli.campaign import app as campaign
from cli.dead.dead import app as dead
from cli.doctor.doctor import doctor
from cli.exit_code import ExitCode
from cli.jobs.explain import explain
from cli.jobs.jobs import query, result, update
from cli.limits.lane import app as lane
from cli.limits.limits import app as limits

_INTERRUPTED = 130  # as shells have it

app = typer.Typer(
    name="revio",
    help="Run and watch customer product jobs on Rev.io.",
    epilog="Exit codes: " + ". ".join(f"{each.value} {each.meaning}" for each in ExitCode) + ".",
    no_args_is_help=True,
    add_completion=False,
)
for command in (query, update, result, explain, audit, doctor):
    app.command()(command)
app.add_typer(limits, name="limits")
app.add_typer(lane, name="lane")
app.add_typer(dead, name="dead")
app.add_typer(campaign, name="campaign")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process by default); returns the exit code."""
    # What adapters log belongs to workers; here every word is an answer or an error.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    words, command = sys.argv[1:] if arguments is None else arguments, get_command(app)
    try:
        code = command.main(words, prog_name="revio", standalone_mode=False)
    except typer.TyperException as exc:
        _complain_of_usage(exc)
        return _code_of_usage(command, words)
    except typer.Abort:
        return _INTERRUPTED
    except Exception as exc:  # noqa: BLE001 - an operator is shown no traceback
        complain(f"unexpected {type(exc).__name__}: {exc}")
        return ExitCode.FAILED
    return int(code or 0)


def _complain_of_usage(exc: typer.TyperException) -> None:
    if message := exc.format_message():  # without a command the help was shown instead
        context = getattr(exc, "ctx", None)
        complain(message, f"see {context.command_path if context else 'revio'} --help")


def _code_of_usage(command: Any, words: Sequence[str]) -> int:  # noqa: ANN401 - Typer's classes
    """A command whose own exit codes leave no room for INVALID says what it uses instead.

    The words decide which command was meant: the fault may stand before its name.
    """
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return int(getattr(command, "usage_code", ExitCode.INVALID))
