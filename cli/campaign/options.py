"""The options that campaign commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, time
from pathlib import Path
from typing import Annotated

import typer

from campaigns import CampaignError
from campaigns.business_time import BusinessTime
from campaigns.errors import InputError
from campaigns.plan.owner_list import read_owner_list
from campaigns.plan.owners import Owners
from campaigns.run.request import AT_ONCE
from campaigns.run.spec import SendingHours
from cli.options import Texts, numbers

BadOption = typer.BadParameter
"""What parsing an option's text raises, for callers without a terminal."""

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="Who decides; by default the owner of REVIO_CONSOLE_TOKEN, else this machine's user.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]
Overrides = Annotated[
    Texts, typer.Option("--override", help="RAIL=REASON for crossing it; may be repeated.")
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's name or its beginning, or the plan's file.")
]


Customers = Annotated[
    Texts,
    typer.Option("--customer", help="Customer whose products to include, by Rev.io's customer id."),
]
CustomerFile = Annotated[
    Path | None, typer.Option("--customers", help="A file that lists customers, one id per row.")
]
Lines = Annotated[
    Texts, typer.Option("--line", help="Line whose products to include, by Rev.io's line id.")
]
LineFile = Annotated[
    Path | None, typer.Option("--lines", help="A file that lists lines, one id per row.")
]


def owners_of(
    customers: Texts, customer_file: Path | None, lines: Texts, line_file: Path | None
) -> Owners:
    """Raises typer.BadParameter and InputError."""
    return Owners.of(
        [*_ids("--customer", customers), *_listed(customer_file, "customer")],
        [*_ids("--line", lines), *_listed(line_file, "line")],
    )


def _ids(option: str, texts: Texts) -> Sequence[int]:
    return numbers(option, texts) if texts else ()


def _listed(path: Path | None, kind: str) -> Sequence[int]:
    return read_owner_list(path, kind) if path else ()


def pairs(option: str, texts: Iterable[str] | None) -> dict[str, str]:
    """From NAME=VALUE each. Raises typer.BadParameter, also for a name that is given twice."""
    values = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign:
            raise typer.BadParameter(f"{text!r}: give NAME=VALUE", param_hint=option)
        if (name := name.strip()) in values:
            raise typer.BadParameter(f"{name} is given twice", param_hint=option)
        values[name] = value.strip()
    return values


def day(option: str, text: str | None) -> date | None:
    """Raises typer.BadParameter."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is not a date", param_hint=option) from exc


def start_time(text: str, time: BusinessTime) -> float:
    """Unix time of a local time such as 2026-06-01T22:00, or AT_ONCE. Raises InputError."""
    if text.strip() == "now":
        return AT_ONCE
    at = time.read(text)
    if at == AT_ONCE:  # what a program has that knows of no time
        raise InputError(f"{time.show(at)} has passed. The start `now` begins at once")
    return at


def sending_hours(text: str | None, zone: str) -> SendingHours | None:
    """From 22:00-06:00. Raises CampaignError."""
    if text is None:
        return None
    begins, _, ends = text.partition("-")
    try:
        return SendingHours(
            time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()), zone
        )
    except ValueError as exc:
        raise CampaignError(f"{text!r} is not a window such as 22:00-06:00") from exc
