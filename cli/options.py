"""The options that commands share, and how their values are parsed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from revio_jobs import Lane
from revio_jobs.contracts import Expected

Texts = list[str] | None
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document to standard output, and nothing else."),
]
AccountName = Annotated[str, typer.Option("--account", help="Account at Rev.io.")]
InLane = Annotated[
    Lane,
    typer.Option("--lane", help="interactive: someone waits for the answer; bulk: it may wait."),
]
TimeoutS = Annotated[
    float,
    typer.Option(
        "--timeout", min=0, help="Seconds to wait for the job to end; it goes on after that."
    ),
]


def moment(text: str) -> datetime:
    """An aware time; in UTC if the text says nothing of a zone. Raises BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is not a time such as 2026-01-31, 2026-01-31T14:30 or …T14:30+02:00"
        raise typer.BadParameter(problem) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def numbers(option: str, texts: Texts) -> list[int]:
    """The numbers of a repeated option, or of comma-separated lists in it. Raises BadParameter."""
    return [_number(option, part) for part in names(texts)]


def names(texts: Texts) -> list[str]:
    """The names of a repeated option, or of comma-separated lists in it."""
    return [part.strip() for text in texts or () for part in text.split(",")]


def expectations(texts: Iterable[str]) -> dict[str, Any]:
    """The fields of FIELD=VALUE texts; FIELD= expects the field to be empty."""
    return dict(map(_expectation, texts))


def _expectation(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    name = name.strip()
    if not sign or name not in Expected.model_fields:
        known = ", ".join(Expected.model_fields)
        raise typer.BadParameter(
            f"{text!r}: give FIELD=VALUE with one of {known}", param_hint="--expect"
        )
    if value and name == "quantity":
        return name, _number("--expect", value)
    return name, value or None


def _number(option: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option)
    return int(text)
