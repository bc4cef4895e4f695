"""`revio lane`: pause and resume what workers take from a lane's queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from redis import Redis

from cli.answer import Answer, answering
from cli.connection import redis_of
from cli.operator import operator_name
from cli.options import AccountName, AsJson
from cli.tables import table
from cli.unknown_account import check_account
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings import load_redis
from worker.limiter import LanePauses, Pause, RedisLimiter

app = typer.Typer(help="Pause and resume lanes.", no_args_is_help=True)

SomeLanes = Annotated[list[Lane] | None, typer.Option("--lane", help="The lane; both if omitted.")]


@app.command()
def pause(
    *,
    reason: Annotated[str, typer.Option(help="Shown to everybody who asks why jobs wait.")],
    account: AccountName = DEFAULT_ACCOUNT,
    lane: SomeLanes = None,
    as_json: AsJson = False,
) -> None:
    """Stop workers from taking jobs until the lane is resumed. Running jobs go on."""
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    with _lanes(account, as_json=as_json) as (answer, redis):
        pause = Pause(reason, operator_name(), datetime.now(UTC))
        for chosen in lane or Lane:
            LanePauses(redis).pause(account, chosen, pause)
        _give(answer, redis, account)


@app.command()
def resume(
    *, account: AccountName = DEFAULT_ACCOUNT, lane: SomeLanes = None, as_json: AsJson = False
) -> None:
    """Let workers take jobs again; also tries an account that the vendor has refused once more."""
    with _lanes(account, as_json=as_json) as (answer, redis):
        resume_lanes(redis, account, lane or Lane)
        _give(answer, redis, account)


@app.command()
def show(*, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Show which lanes are paused, by whom, since when and why."""
    with _lanes(account, as_json=as_json) as (answer, redis):
        _give(answer, redis, account)


def resume_lanes(redis: Redis, account: str, lanes: Iterable[Lane]) -> None:
    """End their pauses, and try an account that the vendor has refused once more."""
    for lane in lanes:
        LanePauses(redis).resume(account, lane)
    from worker.soap import RedisSessionStore  # noqa: PLC0415 - the others need no SOAP

    # The login first: jobs that run in between would find it still refused.
    RedisSessionStore(redis, None).forget_refused_login(account)
    RedisLimiter(redis, {}).reopen(account)


@contextmanager
def _lanes(account: str, *, as_json: bool) -> Iterator[tuple[Answer, Redis]]:
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        check_account(redis, account)
        yield answer, redis


def _give(answer: Answer, redis: Redis, account: str) -> None:
    pauses, refusal = LanePauses(redis), RedisLimiter(redis, {}).refusal(account)
    paused = {lane.value: pauses.get(account, lane) for lane in Lane}
    document = {
        lane: pause and {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()}
        for lane, pause in paused.items()
    }
    rows = [
        (lane, _state(pause, refusal), pause.reason if pause else refusal)
        for lane, pause in paused.items()
    ]
    answer.give(
        {"account": account, "lanes": document, "refused": refusal},
        table("lane", "state", "why", rows=rows, title=f"lanes of {account}"),
    )


def _state(pause: Pause | None, refusal: str | None) -> str:
    if pause:
        return f"paused by {pause.by} since {pause.since:%Y-%m-%d %H:%M} UTC"
    return "closed: the vendor refuses the account" if refusal else "open"
