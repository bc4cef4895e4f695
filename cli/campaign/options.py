"""The options that campaign commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from campaigns import CampaignError
from campaigns.run.spec import DailyWindow

By = Annotated[
    str | None, typer.Option("--by", help="Who decides; the user of this machine by default.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's name or its beginning, or the plan's file.")
]


def pairs(option: str, texts: Iterable[str] | None) -> dict[str, str]:
    """From NAME=VALUE each. Raises typer.BadParameter."""
    found = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign:
            raise typer.BadParameter(f"{text!r}: give NAME=VALUE", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def day(option: str, text: str | None) -> date | None:
    """Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no date", param_hint=option) from exc


def moment(option: str, text: str | None, zone: str) -> float:
    """Unix time of a local time such as 2026-06-01T22:00; 0 for none."""
    if not text:
        return 0.0
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-06-01T22:00", param_hint=option
        ) from exc
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()


def window(text: str | None, zone: str) -> DailyWindow | None:
    """From 22:00-06:00. Raises CampaignError."""
    if not text:
        return None
    begins, _, ends = text.partition("-")
    try:
        return DailyWindow(
            time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()), zone
        )
    except ValueError as exc:
        raise CampaignError(f"{text!r} is no window such as 22:00-06:00") from exc
