"""The options that commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from revio_jobs import Lane
from revio_jobs.contracts import Expected

Texts = list[str] | None
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, and nothing else.")
]
AccountName = Annotated[str, typer.Option("--account", help="Account at Rev.io.")]
InLane = Annotated[
    Lane, typer.Option("--lane", help="interactive: somebody waits; bulk: it may take its time.")
]
TimeoutS = Annotated[
    float, typer.Option("--timeout", min=0, help="Seconds to wait; the job goes on after that.")
]


def numbers(option: str, texts: Texts) -> list[int]:
    """From repeated options and lists with commas. Raises typer.BadParameter."""
    return [_number(option, part) for part in names(texts)]


def names(texts: Texts) -> list[str]:
    """From repeated options and lists with commas."""
    return [part.strip() for text in texts or () for part in text.split(",")]


def expectations(texts: Iterable[str]) -> dict[str, Any]:
    """From FIELD=VALUE; nothing after the sign: the field must be empty."""
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
        raise typer.BadParameter(f"{text!r} is no number", param_hint=option)
    return int(text)
