"""From what a producer gave, or a raw message carried, to a job or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from revio_jobs.contracts.jobs import Expected, Job, QueryJob, UpdateJob
from revio_jobs.errors import InvalidJob

_SHOWN_CHARACTERS = 80

J = TypeVar("J", QueryJob, UpdateJob)


def decode(kind: type[J], fields: Mapping[str, Any]) -> J:
    """The job of those fields. Raises InvalidJob with one line a fault."""
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as exc:
        raise InvalidJob(_problems(kind, exc)) from None


def _problems(kind: type[Job], exc: ValidationError) -> list[str]:
    return [_problem(kind, dict(error)) for error in exc.errors(include_url=False)]


def _problem(kind: type[Job], error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    says = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        within = Expected if error["loc"][0] == "expected" else kind
        says = f"unknown field; allowed are {', '.join(sorted(within.model_fields))}"
    if error["type"] == "missing":
        return f"{where}: required"
    if not where:
        return says
    return f"{where}: {_shown(error['input'])} is not allowed: {says}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
