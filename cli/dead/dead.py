"""`revio dead`: the updates that failed for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType

from cli.answer import Answer, answering, complain, spinner
from cli.connection import redis_of
from cli.dead.dead_tables import letter_details, letter_document, letter_table
from cli.exit_code import ExitCode
from cli.given_once import App
from cli.options import AccountName, AsJson, moment
from cli.producer import app_of
from cli.tables import counted, table
from cli.unknown_account import check_account
from revio_jobs import errors
from revio_jobs.contracts import DEFAULT_ACCOUNT
from revio_jobs.errors import InvalidJob, OutcomeUnknown
from revio_jobs.message import encode_message
from settings import load_redis
from worker.ledger import DeadLetter, DeadLetters, Wanted

app = App(help="Updates that failed for good.", no_args_is_help=True)

_SHOWN = 50
_ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.RevioError)
}

Error = Annotated[
    str | None, typer.Option(help="Only this class of error, such as Rejected or OutcomeUnknown.")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Only those that failed from then on, in UTC if it names no zone.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        parser=moment,
        metavar="TIME",
        help="Only those that failed by then, in UTC if it names no zone; a date is its midnight.",
    ),
]
Jobs = Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Ids of jobs.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them.")]


@dataclass(frozen=True, slots=True)
class _Choice:
    """Selects dead letters: named ones, or all that match a filter."""

    account: str
    jobs: list[str]
    wanted: Wanted
    limit: int | None

    def letters(self, dead: DeadLetters) -> Iterator[DeadLetter]:
        """The letters, oldest first, so that they are retried in their old order."""
        if not self.jobs:
            letters = dead.find(self.account, self.wanted, oldest_first=True)
            yield from islice(letters, self.limit)
        for job_id in self.jobs:
            if letter := dead.get(self.account, job_id):
                yield letter
            else:
                complain(f"there is no dead letter of job {job_id} in account {self.account}")


@app.command("list")
def list_(
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = _SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show what failed, the newest first."""
    wanted = _filter(error, since, until)
    with _dead(account, as_json=as_json) as (answer, dead):
        found = dead.find(account, wanted)
        letters = list(islice(found, limit))
        has_more = next(found, None) is not None
        document = [letter_document(letter) for letter in letters]
        answer.give(
            {"account": account, "dead_letters": document, "has_more": has_more},
            letter_table(account, letters),
            *([f"only the newest {limit:,} are shown; --limit shows more"] if has_more else []),
        )


@app.command()
def show(job: str, *, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Show one with its payload and the history of its attempts."""
    with _dead(account, as_json=as_json) as (answer, dead):
        letter = dead.get(account, job)
        if letter is None:
            answer.give({"error": {"type": "NotFound", "message": "no such dead letter"}})
            complain(f"there is no dead letter of job {job} in account {account}")
            raise typer.Exit(ExitCode.FAILED)
        answer.give(letter_document(letter), *letter_details(letter))


@app.command()
def retry(
    jobs: Jobs = None,
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    everything: Everything = False,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most.")] = None,
    even_unknown: Annotated[
        bool,
        typer.Option(
            "--even-unknown",
            help="Include those of unknown outcome, which the vendor may execute a second time.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try again, as new jobs in the bulk lane: interactive jobs and their limits go first.

    A new job keeps the old one's place in the order of submissions: what newer jobs have set since
    stays. Retrying twice makes one job.
    """
    choice = _choice(account, jobs, _filter(error, since, until), limit, everything=everything)
    with _dead(account, as_json=as_json) as (answer, dead):
        retried: list[dict[str, str]] = []
        left: list[dict[str, str]] = []
        with spinner("submitting"):
            for letter in choice.letters(dead):
                if why := not_to_be_retried(letter, even_unknown=even_unknown):
                    left.append({"job_id": letter.job_id, "reason": why})
                else:
                    _retry(dead, letter, retried, left)
        answer.give(
            {"account": account, "retried": retried, "left": left}, *_retry_tables(retried, left)
        )
        if left or len(retried) < len(choice.jobs):
            raise typer.Exit(ExitCode.FAILED)


@app.command()
def discard(
    jobs: Jobs = None,
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    error: Error = None,
    since: Since = None,
    until: Until = None,
    everything: Everything = False,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters. The jobs' outcomes and keys stay as they are."""
    choice = _choice(account, jobs, _filter(error, since, until), limit, everything=everything)
    with _dead(account, as_json=as_json) as (answer, dead), spinner("discarding"):
        gone = [
            letter.job_id for letter in choice.letters(dead) if dead.discard(account, letter.job_id)
        ]
        answer.give(
            {"account": account, "discarded": gone},
            f"{counted(len(gone), 'dead letter')} discarded",
        )
        if len(gone) < len(choice.jobs):
            raise typer.Exit(ExitCode.FAILED)


@contextmanager
def _dead(account: str, *, as_json: bool) -> Iterator[tuple[Answer, DeadLetters]]:
    with answering(as_json=as_json) as answer:
        settings = load_redis()
        with redis_of(settings) as redis, app_of(settings) as celery:
            check_account(redis, account)
            yield answer, DeadLetters(redis, partial(encode_message, celery))


def _filter(error: str | None, since: datetime | None, until: datetime | None) -> Wanted:
    if error is not None and error not in _ERRORS:
        meant = next((name for name in _ERRORS if name.lower() == error.lower()), None)
        close = [meant] if meant else get_close_matches(error, _ERRORS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"give one of {', '.join(sorted(_ERRORS))}"
        raise typer.BadParameter(f"{error!r} is not a class of error; {hint}", param_hint="--error")
    times = {name: at.timestamp() for name, at in (("since", since), ("until", until)) if at}
    return Wanted(error, **times)


def _choice(
    account: str, jobs: list[str] | None, wanted: Wanted, limit: int | None, *, everything: bool
) -> _Choice:
    """The selection of the options. Raises typer.BadParameter unless it is unambiguous."""
    is_filtered = wanted != Wanted() or limit is not None or everything
    if bool(jobs) == is_filtered:
        raise typer.BadParameter("name either jobs, or a filter, or --all", param_hint="JOB")
    return _Choice(account, jobs or [], wanted, limit)


def not_to_be_retried(letter: DeadLetter, *, even_unknown: bool) -> str | None:
    """Why it is left as it is; None if it may be retried."""
    if letter.campaign:
        return f"it is a row of campaign {letter.campaign}, which has a retry of its own"
    if isinstance(letter.error, OutcomeUnknown) and not even_unknown:
        return "the vendor may have executed it; look there, then give --even-unknown"
    return None


def _retry(
    dead: DeadLetters, letter: DeadLetter, retried: list[dict[str, str]], left: list[dict[str, str]]
) -> None:
    try:
        done = dead.retry(letter)
    except InvalidJob as exc:
        left.append({"job_id": letter.job_id, "reason": str(exc)})
        return
    if done.why_not:
        left.append({"job_id": letter.job_id, "reason": done.why_not})
    else:
        submission = type(done.reservation).__name__.lower()
        retried.append(
            {"job_id": letter.job_id, "retried_as": done.job_id, "submission": submission}
        )


def _retry_tables(
    retried: list[dict[str, str]], left: list[dict[str, str]]
) -> Iterator[RenderableType]:
    yield f"{counted(len(retried), 'job')} submitted again, in the bulk lane"
    if retried:
        rows = ((job["job_id"], job["retried_as"]) for job in retried[:_SHOWN])
        yield table("dead job", "goes on as", rows=rows)
    if left:
        rows = ((job["job_id"], job["reason"]) for job in left[:_SHOWN])
        yield table("left as it is", "why", rows=rows)
