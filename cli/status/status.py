"""`revio status`: the command, and what it reads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from redis import Redis
from rich.console import Console, Group
from rich.live import Live

from cli.answer import answering, paragraph
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.options import AsJson
from cli.status.account_status import AccountStatus
from cli.status.concern import Concern
from cli.status.reading import read_account
from cli.status.redis_concerns import redis_concerns
from cli.status.status_tables import status_tables
from cli.stray_queues import UntakenQueues
from cli.tables import counted
from settings import Settings, load

_WATCH_S = 2.0


def status(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account; all if omitted.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 2 seconds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show whether calls go out, what waits too long, what needs a person and which runs go on.

    Exit code 1 says that something needs a person.
    """
    if watch and as_json:
        raise typer.BadParameter("it is for people, --json for programs", param_hint="--watch")
    with answering(as_json=as_json) as answer:
        settings = load()
        names = _names(settings, account)
        with redis_of(settings) as redis:
            if watch:
                _watch(settings, redis, names)
                return
            accounts = [read_account(settings, redis, name) for name in names]
            queues = UntakenQueues(redis, settings.accounts)
            concerns = list(_concerns(redis, queues, accounts))
        answer.give(_document(accounts, concerns), *status_tables(accounts, concerns))
        if concerns:
            raise typer.Exit(ExitCode.FAILED)


def _names(settings: Settings, account: str | None) -> list[str]:
    if account is not None and account not in settings.accounts:
        known = ", ".join(settings.accounts)
        raise typer.BadParameter(f"{account!r} is not one of {known}", param_hint="--account")
    return [account] if account else list(settings.accounts)


def _concerns(
    redis: Redis, queues: UntakenQueues, accounts: Sequence[AccountStatus]
) -> Iterator[Concern]:
    info: Any = redis.info()
    yield from redis_concerns(info)
    for account in accounts:
        yield from account.concerns()
    for queue in queues.read():
        says = f"{counted(queue.messages, 'message')} in {queue.name}, and no worker takes from it"
        yield Concern("", "queues", says, queue.fix)


def _document(accounts: Sequence[AccountStatus], concerns: Sequence[Concern]) -> dict[str, Any]:
    return {
        "ok": not concerns,
        "concerns": [concern.document() for concern in concerns],
        "accounts": {account.account: account.document() for account in accounts},
    }


def _watch(settings: Settings, redis: Redis, names: Sequence[str]) -> None:
    """Until Ctrl-C."""
    queues = UntakenQueues(redis, settings.accounts)
    console = Console(markup=False, highlight=False, emoji=False)
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            accounts = [read_account(settings, redis, name) for name in names]
            tables = status_tables(accounts, list(_concerns(redis, queues, accounts)))
            screen = (paragraph(part) if isinstance(part, str) else part for part in tables)
            live.update(Group(*screen), refresh=True)
            time.sleep(_WATCH_S)
