"""`revio history`: the updates that have ended, as files for auditors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from redis.exceptions import RedisError

from cli.answer import answering, complain
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.given_once import App
from cli.history.chain import Checked, Link, check, seal
from cli.history.document import document_of
from cli.history.sink import HistoryFiles, SinkBusyError
from cli.options import AccountName, AsJson, moment
from cli.tables import table, when
from cli.unknown_account import check_account
from revio_jobs.contracts import DEFAULT_ACCOUNT
from revio_jobs.redis_faults import is_passing
from settings import load_redis
from worker.ledger import FIRST, EndedUpdate, History

app = App(
    help="Write the updates that have ended to files for auditors, and check such files.",
    no_args_is_help=True,
)

_A_DAY = timedelta(days=1)


@app.command()
def export(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to make.")],
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            help="Only those that ended from then on, in UTC if it names no zone; a day ago if "
            "omitted.",
        ),
    ] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Write a line of JSON for each update that has ended, and Redis still has."""
    start = since or datetime.now(UTC) - _A_DAY
    with answering(as_json=as_json) as answer, closing(redis_of(load_redis())) as redis:
        check_account(redis, account)
        history = History(redis)
        # Before they are read: Redis may forget more of them meanwhile.
        oldest = history.first(account)
        try:
            count, link = _write(history.since(account, start.timestamp()), output)
        except OSError as exc:
            complain(str(exc))
            raise typer.Exit(ExitCode.INVALID) from None
        answer.give(
            {"account": account, "file": str(output), "updates": count, "digest": link.digest},
            table(
                "account",
                "file",
                "updates",
                "digest",
                rows=[(account, output, f"{count:,}", link.digest)],
            ),
        )
        if oldest and oldest.number > 1 and oldest.ended_at > start.timestamp():
            ended = when(datetime.fromtimestamp(oldest.ended_at, UTC))
            complain(
                "Redis has no update any more that ended before update "
                f"{oldest.number:,}, {ended}: of that time nothing is in the file "
                "(REVIO_RESULT_RETENTION_S); revio history follow keeps all"
            )


@app.command()
def follow(
    directory: Annotated[Path, typer.Argument(help="Directory of the files.")],
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two reads.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Write what there is, and exit.")] = False,
) -> None:
    """Keep the history beyond Redis's retention: a file per day, continued after a restart."""
    with answering(as_json=False), closing(redis_of(load_redis())) as redis:
        check_account(redis, account)
        follower = _Follower(HistoryFiles(directory, account), History(redis), account)
        try:
            with follower.files.opened():
                is_whole = follower.catch_up()
                while not once:
                    time.sleep(every)
                    follower.try_to_catch_up()
        except SinkBusyError as exc:
            complain(f"{exc}: another process writes into it")
            raise typer.Exit(ExitCode.INVALID) from None
        except OSError as exc:
            complain(str(exc))
            raise typer.Exit(ExitCode.INVALID) from None
        raise typer.Exit(ExitCode.OK if is_whole else ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class _Follower:
    """Writes what has ended since it last looked."""

    files: HistoryFiles
    history: History
    account: str

    def try_to_catch_up(self) -> None:
        """Redis may be away for a while. Raises what stays until somebody acts."""
        try:
            self.catch_up()
        except RedisError as exc:
            if not is_passing(exc):
                raise
            complain(f"Redis: {exc}; nothing is lost if it is back soon")

    def catch_up(self) -> bool:
        """Whether nothing was lost between what the files have and what there is. Says so."""
        link, is_whole = self.files.end(), True
        for last in self.files.append(self.history.after(self.account, link.entry or FIRST), link):
            expected = link.number + 1 if link.number else last.number
            if last.number != expected:
                is_whole = False
                complain(
                    f"updates {expected} to {(last.number or 0) - 1} are lost to this history: "
                    "Redis keeps them for REVIO_RESULT_RETENTION_S only"
                )
            link = last
        return is_whole


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="The files, in their order.")],
    *,
    digest: Annotated[
        str | None, typer.Option(help="The last line's digest, as it was noted elsewhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no line is missing, altered or moved. Needs no Redis."""
    with answering(as_json=as_json) as answer:
        try:
            checked = check(_lines(files))
        except (OSError, UnicodeDecodeError) as exc:
            complain(str(exc))
            raise typer.Exit(ExitCode.INVALID) from None
        problems = [*checked.problems, *_of_end(checked, digest)]
        answer.give(
            {
                "updates": checked.lines,
                "follows": checked.first.digest if checked.first else None,
                "digest": checked.last.digest,
                "problems": problems,
            },
            table("updates", "digest", rows=[(f"{checked.lines:,}", checked.last.digest)]),
        )
        complain(*problems)
        raise typer.Exit(ExitCode.FAILED if problems else ExitCode.OK)


def _write(updates: Iterable[EndedUpdate], output: Path) -> tuple[int, Link]:
    """All of them or no file. Raises OSError, also if there is such a file."""
    if output.exists():
        raise FileExistsError(f"{output} exists; name another file")
    part = output.with_name(f"{output.name}.part")
    count, link = 0, Link()
    try:
        with part.open("w", encoding="ascii") as file:
            for update in updates:
                line, link = seal(document_of(update), link)
                file.write(line + "\n")
                count += 1
        part.rename(output)
    finally:
        part.unlink(missing_ok=True)
    return count, link


def _of_end(checked: Checked, digest: str | None) -> Iterator[str]:
    if digest is not None and digest != checked.last.digest:
        yield "the last line is not the one with that digest: lines are missing at the end"


def _lines(files: list[Path]) -> Iterator[tuple[str, str]]:
    for path in files:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                yield f"{path}:{number}", line
