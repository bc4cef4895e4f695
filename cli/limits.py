"""`revio limits`: what is used and left of the vendor's calls."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from redis import Redis
from rich.console import RenderableType
from rich.table import Table

from cli.answer import answering
from cli.options import AsJson
from cli.tables import table, when
from revio_jobs import Lane
from settings import Settings, load
from worker.app import limit_rules, open_limiter
from worker.limiter import LimitRules, Usage

_TIMEOUT_S = 5.0


def limits(
    *,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is used and left of the calls, and who spent them."""
    with answering(as_json=as_json) as answer:
        settings = load()
        document: dict[str, Any] = {}
        tables: list[RenderableType] = []
        for name, usage in _usages(settings, account).items():
            rules = limit_rules(settings.accounts[name])
            document[name] = asdict(usage) | _left(usage, rules)
            tables += [_windows(name, usage, rules), _purposes(usage)]
        answer.give({"accounts": document}, *tables)


def _usages(settings: Settings, account: str | None) -> dict[str, Usage]:
    if account is not None and account not in settings.accounts:
        known = ", ".join(settings.accounts)
        raise typer.BadParameter(f"{account!r} is not one of {known}", param_hint="--account")
    url = settings.redis_url.get_secret_value()
    with Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as redis:
        limiter = open_limiter(settings, redis)
        return {name: limiter.usage(name) for name in ([account] if account else settings.accounts)}


def _left(usage: Usage, rules: LimitRules) -> dict[str, int]:
    return {
        f"{window}_left_{lane}": max(limit - used, 0)
        for lane in Lane
        for window, limit, used in (
            ("minute", rules.minute_limit(lane), usage.minute_used),
            ("day", rules.day_limit(lane), usage.day_used),
        )
    }


def _windows(account: str, usage: Usage, rules: LimitRules) -> Table:
    left = _left(usage, rules)
    resets = datetime.fromtimestamp(usage.day_resets_at, UTC)
    return table(
        "window",
        "used",
        "limit",
        "left",
        "left for bulk",
        "begins anew",
        rows=[
            (
                "any 60 seconds",
                usage.minute_used,
                usage.minute_limit,
                left["minute_left_interactive"],
                left["minute_left_bulk"],
                "always",
            ),
            (
                "day",
                usage.day_used,
                usage.day_limit,
                left["day_left_interactive"],
                left["day_left_bulk"],
                when(resets),
            ),
        ],
        title=f"account {account}: {_pause(usage)}",
    )


def _pause(usage: Usage) -> str:
    if not usage.paused_for_s:
        return "calls may go out"
    return f"paused for {timedelta(seconds=round(usage.paused_for_s))}: {usage.pause_reason}"


def _purposes(usage: Usage) -> str:
    spent = ", ".join(f"{purpose} {calls}" for purpose, calls in usage.purposes_today.items())
    return f"calls of this day: {spent}"
