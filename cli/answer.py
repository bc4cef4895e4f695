"""A command's output: its answer on standard output, errors on standard error."""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from redis.exceptions import RedisError
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cli.exit_code import ExitCode, code_of
from cli.redis_refusal import way_out
from revio_jobs.cluster_check import ClusterRefusedError
from revio_jobs.errors import InvalidJob, RevioError
from settings import SettingsError
from worker.redis_kit.redis_memory import FULL, MAKE_ROOM, is_full

READER_GONE = 141
"""As shells have it of a process that wrote to a pipe which nobody reads any more."""
_QUIET_S = 1.0
_WIDTH_OF_A_PIPE = 200
# The vendor's texts must not move the operator's cursor.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Answer:
    """Takes the one answer of a command: as tables, or as one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def give(self, document: Mapping[str, Any], *tables: RenderableType) -> None:
        """`document` holds JSON values; `tables` say the same to people."""
        with _written():
            if self._as_json:
                sys.stdout.write(json.dumps(document, indent=2) + "\n")
                sys.stdout.flush()
                return
            # A pipe has no width to which tables would have to be folded.
            width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
            console = Console(markup=False, highlight=False, emoji=False, width=width)
            for table in tables:
                console.print(paragraph(table) if isinstance(table, str) else table)


@contextmanager
def _written() -> Iterator[None]:
    """What was done is done, whoever hears of it: that is not the exit code of a failed job."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the latter is how rich ends
        sys.stdout = io.StringIO()  # so that the interpreter does not try once more
        raise typer.Exit(READER_GONE) from None
    except OSError as exc:
        complain(f"standard output: {exc.strerror}")
        sys.stdout = io.StringIO()  # so that the interpreter does not try once more
        raise typer.Exit(ExitCode.FAILED) from None


def paragraph(text: str) -> str:
    """`text` in lines that a terminal shows as they are."""
    return "\n".join(map(printable, text.split("\n")))


@contextmanager
def answering(*, as_json: bool) -> Iterator[Answer]:
    """For the body of a command: any error becomes a message and an exit code."""
    answer = Answer(as_json=as_json)
    try:
        yield answer
    except SettingsError as exc:
        raise _ended(answer, exc, exc.faults, ExitCode.INVALID) from None
    except InvalidJob as exc:
        raise _ended(answer, exc, exc.problems, ExitCode.INVALID) from None
    except (RevioError, RedisError) as exc:
        raise _refused(answer, exc) from None


def _refused(answer: Answer, exc: RevioError | RedisError) -> typer.Exit:
    if is_full(exc):
        return _ended(answer, exc, [FULL, MAKE_ROOM], ExitCode.UNREACHABLE)
    if isinstance(exc, ClusterRefusedError):
        return _ended(answer, exc, [str(exc)], ExitCode.INVALID)
    if isinstance(exc, RedisError):
        fix = way_out(exc) or "start it, or correct REVIO_REDIS_URL; `revio doctor` says more"
        return _ended(answer, exc, [f"Redis: {exc}", fix], ExitCode.UNREACHABLE)
    return _ended(answer, exc, [str(exc)], code_of(exc))


def _ended(answer: Answer, exc: Exception, lines: list[str], code: ExitCode) -> typer.Exit:
    answer.give({"error": {"type": type(exc).__name__, "message": "; ".join(lines)}})
    complain(*lines)
    return typer.Exit(code)


def complain(*lines: str) -> None:
    """On standard error, each under the command's name."""
    for line in lines:
        sys.stderr.write(f"revio: {printable(line)}\n")


def printable(text: str) -> str:
    """`text` in one line that a terminal shows as it is."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def spinner(doing: str | Callable[[], str], *, quiet: bool = False) -> Iterator[None]:
    """Shows on a terminal what takes longer than a second; standard output stays untouched.

    `doing` may be asked again and again, from another thread. `quiet`: show nothing.
    """
    console = Console(stderr=True, markup=False)
    if quiet or not console.is_terminal:
        yield
        return
    live = _live(console, doing if callable(doing) else lambda: doing)
    timer = threading.Timer(_QUIET_S, live.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        live.stop()


def _live(console: Console, says: Callable[[], str]) -> Live:
    """Its words are fetched once per frame; changing in mid-frame they would break the layout."""
    drawn = Spinner("dots", style="status.spinner")

    def now() -> Spinner:
        drawn.update(text=Text(says()))
        return drawn

    return Live(console=console, get_renderable=now, refresh_per_second=10, transient=True)
