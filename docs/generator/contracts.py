"""The fields of jobs and results as tables, made from their JSON schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import revio_jobs
from docs.generator.tables import table
from revio_jobs.contracts import CampaignRow

CONTRACTS: dict[str, type[BaseModel]] = {
    kind.__name__: kind
    for kind in (
        revio_jobs.UpdateJob,
        revio_jobs.QueryJob,
        revio_jobs.Expected,
        CampaignRow,
        revio_jobs.CustomerProduct,
        revio_jobs.QueryResult,
        revio_jobs.UnreadableProduct,
        revio_jobs.UpdateResult,
    )
}
"""Those that have a table, by name."""

Schema = Mapping[str, Any]

_DEFAULTS = {"None": "", "[]": "", "False": "`false`", "True": "`true`"}


def fields(name: str) -> str:
    """The table of one contract. Raises KeyError."""
    return table(("field", "value", "default", "meaning"), _rows(CONTRACTS[name]))


def _rows(kind: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    schema = kind.model_json_schema(mode="validation")
    required = schema.get("required", ())
    for name, about in schema["properties"].items():
        value = _decimal(kind.model_fields[name].annotation) or _value(about)
        default = "**required**" if name in required else _default(about.get("default"))
        yield f"`{name}`", value, default, about.get("description", "")


def _default(value: object) -> str:
    return _DEFAULTS.get(str(value), f"`{value}`")


def _decimal(annotation: Any) -> str:  # noqa: ANN401 - a type
    """In words, if it is one, of which a JSON schema cannot tell the bounds."""
    for choice in get_args(annotation):
        kind, *about = get_args(choice) or (choice,)
        if kind is Decimal:
            bounds = _bounds(about)
            if "max_digits" not in bounds:
                return "decimal"
            digits, places = bounds["max_digits"], bounds["decimal_places"]
            return f"decimal, at most {digits} digits, {places} after the point"
    return ""


def _bounds(annotated: list[Any]) -> dict[str, Any]:
    infos = [info for info in annotated if isinstance(info, FieldInfo)]
    return {
        name: value for info in infos for one in info.metadata for name, value in vars(one).items()
    }


def _value(about: Schema) -> str:
    """The type and the range in words."""
    if "$ref" in about:
        return f"`{about['$ref'].rpartition('/')[2]}`"
    if choices := about.get("anyOf"):
        return " or ".join(_value(choice) for choice in choices if choice.get("type") != "null")
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    match about.get("type"):
        case "string":
            return _text(about)
        case "integer":
            return "integer" + _range(about)
        case "number":
            return "number" + _range(about)
        case "array":
            return f"list of {_value(about.get('items', {}))}"
        case kind:
            return str(kind or "any value")


def _text(about: Schema) -> str:
    match about.get("format"):
        case "date":
            return f"date, from {about['ge']}" if "ge" in about else "date"
        case "date-time":
            return "time"
    if "pattern" in about:
        return f"text that matches `{about['pattern']}`"
    if "maxLength" not in about:
        return "text"
    least = f"{about['minLength']} to " if "minLength" in about else "at most "
    return f"text, {least}{about['maxLength']} characters"


def _range(about: Schema) -> str:
    match about.get("minimum"), about.get("maximum"):
        case None, None:
            return ""
        case low, None:
            return f", at least {low}"
        case None, high:
            return f", at most {high:,}"
        case low, high:
            return f", {low:,} to {high:,}"
