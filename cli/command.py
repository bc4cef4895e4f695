"""The `revio` command: its commands, and the errors that all of them handle."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
import typer
from typer.main import get_command

from cli.answer import READER_GONE, complain
from cli.command_table import CommandTable
from cli.exit_code import ExitCode
from cli.given_once import App
from revio_jobs.version import __version__

_INTERRUPTED = 130  # as shells have it

app = App(
    cls=CommandTable,
    name="revio",
    epilog="Exit codes: " + ". ".join(f"{code.value} {code.meaning}" for code in ExitCode) + ".",
    no_args_is_help=True,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if wanted:
        typer.echo(f"revio {__version__}")
        raise typer.Exit


@app.callback()
def revio(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Run and watch customer product jobs on Rev.io."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process by default); returns the exit code."""
    # What adapters log belongs to workers; here every word is an answer or an error.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _open_streams()
    words, command = sys.argv[1:] if arguments is None else arguments, get_command(app)
    try:
        code = command.main(words, prog_name="revio", standalone_mode=False)
    except typer.TyperException as exc:
        _complain_of_usage(exc)
        return _code_of_usage(command, words)
    except typer.Abort:
        return _INTERRUPTED
    except SystemExit as exc:
        # So Typer and rich end what writes to a pipe without a reader; a completion ends with 0.
        return READER_GONE if exc.code else ExitCode.OK
    except Exception as exc:  # noqa: BLE001 - an operator is shown no traceback
        complain(f"unexpected {type(exc).__name__}: {exc}")
        return ExitCode.FAILED
    return int(code or 0)


def _open_streams() -> None:
    """What a terminal cannot show is shown escaped; what is closed takes nothing."""
    sys.stdout = sys.stdout or io.StringIO()
    sys.stderr = sys.stderr or io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


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
