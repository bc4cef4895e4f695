"""The options that commands share, and how their values are parsed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from revio_jobs import Lane
from revio_jobs.contracts import Expected

_LONGEST_NUMBER = 18

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


def product_id(text: str) -> int:
    """For an argument. Raises BadParameter."""
    return _id(None, text)


def numbers(option: str, texts: Texts) -> list[int]:
    """The IDs of a repeated option, or of comma-separated lists in it. Raises BadParameter."""
    return [_id(option, part) for part in names(texts)]


def names(texts: Texts) -> list[str]:
    """The names of a repeated option, or of comma-separated lists in it."""
    return [part.strip() for text in texts or () for part in text.split(",")]


def expectations(texts: Iterable[str]) -> dict[str, Any]:
    """The fields of FIELD=VALUE texts; FIELD= expects the field to be empty.

    Raises BadParameter, also for a field that is given twice.
    """
    expected: dict[str, Any] = {}
    for name, value in map(_expectation, texts):
        if name in expected:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--expect")
        expected[name] = value
    return expected


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


def _id(option: str | None, text: str) -> int:
    """A zero before it may show that it is the end of a number such as 5,001."""
    number = _number(option, text)
    if text != str(number):
        raise typer.BadParameter(
            f"{text!r} begins with 0, as no ID does; write an ID without signs between its "
            "thousands",
            param_hint=option,
        )
    return number


def _number(option: str | None, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise typer.BadParameter(f"{text!r} is not a number", param_hint=option)
    return int(text)
