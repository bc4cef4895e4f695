"""The settings as a table for the docs, made from the fields themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from settings.account import AccountSettings
from settings.model import Settings
from settings.names import SECRETS_DIR_VARIABLE, variable

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Row:
    """One setting as its user sees it."""

    name: str
    default: str
    meaning: str


def rows() -> Iterator[Row]:
    """All settings, those of an account last."""
    yield Row(
        SECRETS_DIR_VARIABLE,
        "`/run/secrets` if there",
        "Directory of files named as these variables, each with one value. The environment and "
        "`.env` go before it.",
    )
    for name, field in Settings.model_fields.items():
        if name != "accounts":
            yield _row(variable([name]), field)
    for name, field in AccountSettings.model_fields.items():
        yield _row(variable(["accounts", "<name>", name]), field)


def markdown() -> str:
    """The table in Markdown, without a newline at its end."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.default} | {row.meaning} |" for row in rows()]
    return "\n".join(lines)


def _row(name: str, field: FieldInfo) -> Row:
    return Row(name, _default(field), field.description or "")


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    if field.is_required():
        return "**needed**"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return (
        ""
        if value is None or value == ()
        else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )
