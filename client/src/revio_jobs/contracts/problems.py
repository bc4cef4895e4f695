"""What pydantic finds wrong with a job, in words for who made it."""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_MAX_CHARACTERS = 80


def problems_of(kind: type[BaseModel], exc: ValidationError) -> list[str]:
    """One line a fault: the field, the value and what is allowed."""
    return [_problem(kind, dict(error)) for error in exc.errors(include_url=False)]


def abridged(value: object) -> str:
    """Its repr, cut to fit in a line."""
    try:
        text = repr(value).replace("\n", " ")
    except Exception:  # noqa: BLE001 - anybody's; and an int of more digits than Python prints
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 1] + "…"


def _problem(kind: type[BaseModel], error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{where}: required"
    says = _line(kind, where, error)
    return f"{where}: {abridged(error['input'])} is not allowed: {says}" if where else says


def _line(kind: type[BaseModel], where: str, error: dict[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            known = _model_at(kind, error["loc"]).model_fields
            return f"unknown field; allowed are {', '.join(sorted(known))}"
        case "tuple_type":
            return f"expected a list of {'field names' if where == 'clear' else 'ids'}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _model_at(kind: type[BaseModel], location: tuple[str, ...]) -> type[BaseModel]:
    for name in location[:-1]:
        choices = get_args(kind.model_fields[name].annotation)
        kind = next(choice for choice in choices if choice is not NoneType)
    return kind
