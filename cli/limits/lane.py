"""`revio lane`: pause and resume what workers take from a lane's queue."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.answer import Answer, answering
from cli.connection import redis_of
from cli.options import AccountName, AsJson
from cli.tables import table
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings import load_redis
from worker.limiter import LanePauses, Pause

app = typer.Typer(help="Pause and resume lanes.", no_args_is_help=True)

SomeLanes = Annotated[
    list[Lane] | None, typer.Option("--lane", help="The lane; both when not given.")
]


@app.command()
def pause(
    *,
    reason: Annotated[str, typer.Option(help="Why; shown to who asks, and kept.")],
    account: AccountName = DEFAULT_ACCOUNT,
    lane: SomeLanes = None,
    as_json: AsJson = False,
) -> None:
    """Let workers take no more jobs, until resumed. Jobs that run now end."""
    with _pauses(as_json=as_json) as (answer, pauses):
        pause = Pause(reason, getpass.getuser(), datetime.now(UTC))
        for chosen in lane or Lane:
            pauses.pause(account, chosen, pause)
        _give(answer, pauses, account)


@app.command()
def resume(
    *, account: AccountName = DEFAULT_ACCOUNT, lane: SomeLanes = None, as_json: AsJson = False
) -> None:
    """Let workers take jobs again."""
    with _pauses(as_json=as_json) as (answer, pauses):
        for chosen in lane or Lane:
            pauses.resume(account, chosen)
        _give(answer, pauses, account)


@app.command()
def show(*, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Which lanes are paused, by whom, since when and why."""
    with _pauses(as_json=as_json) as (answer, pauses):
        _give(answer, pauses, account)


@contextmanager
def _pauses(*, as_json: bool) -> Iterator[tuple[Answer, LanePauses]]:
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        yield answer, LanePauses(redis)


def _give(answer: Answer, pauses: LanePauses, account: str) -> None:
    paused = {lane.value: pauses.get(account, lane) for lane in Lane}
    document = {
        lane: pause and {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()}
        for lane, pause in paused.items()
    }
    rows = [
        (lane, _state(pause), pause.reason if pause else None) for lane, pause in paused.items()
    ]
    answer.give(
        {"account": account, "lanes": document},
        table("lane", "state", "why", rows=rows, title=f"lanes of {account}"),
    )


def _state(pause: Pause | None) -> str:
    return f"paused by {pause.by} since {pause.since:%Y-%m-%d %H:%M} UTC" if pause else "open"
