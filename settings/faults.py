"""Says what is wrong with settings: a line a fault, in the operator's words, without a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_origin

from settings.account import AccountSettings
from settings.model import Settings
from settings.names import PREFIX, SECRETS_DIR_VARIABLE, variable

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_QUOTED = re.compile(r"""\s*(".*"|'.*')\s*""", re.DOTALL)
_SHOWN_LENGTH = 60
_CLOSE = 0.8


def faults_of(error: ValidationError) -> list[str]:
    """One line for each fault of the values."""
    return [
        _one_line(f"{variable(_location(details))}{_given(details)}: {_what(details)}")
        for details in error.errors(include_url=False)
        # It only follows from a fault that has its own line.
        if details["type"] != "default_factory_not_called"
    ]


def faults_of_names(names: Iterable[str]) -> list[str]:
    """One line for each variable that is probably a misspelt setting.

    Other names with our prefix are left alone: an orchestrator makes some, such as
    `REVIO_REDIS_SERVICE_HOST` for a service called revio-redis.
    """
    heads = {name.upper().removeprefix(PREFIX): name.upper() for name in names}
    lines = [
        f"{name}: is not a setting{_hint(meant)}"
        for rest, name in heads.items()
        if name != SECRETS_DIR_VARIABLE and (meant := _probably_meant(rest)) is not None
    ]
    return [_one_line(line) for line in lines]


def faults_of_spellings(environment: Mapping[str, str]) -> list[str]:
    """One line for each variable that is set twice, in capitals and not, to different values."""
    spellings: dict[str, set[str]] = {}
    for name, value in environment.items():
        if value and name.upper().startswith(PREFIX):
            spellings.setdefault(name.upper(), set()).add(value)
    return [
        f"{name}: is set to different values, by names in capitals and in small letters; unset one"
        for name, values in spellings.items()
        if len(values) > 1
    ]


def faults_of_quotes(environment: Mapping[str, str]) -> list[str]:
    """One line for each variable whose value stands in quotation marks.

    They are part of it, unlike those in `.env`: `docker run --env-file` and manifests pass them on.
    """
    return [
        f"{name}: stands in quotation marks, which would be part of it: take them off, or write "
        "such a value into a file of the secrets directory"
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and _QUOTED.fullmatch(value)
    ]


def _probably_meant(rest: str) -> str | None:
    """The setting that a name without prefix means: "" if unclear, None if the name is not ours."""
    head, _, below = rest.lower().partition("__")
    if head in Settings.model_fields:
        return variable([head]) if below and head != "accounts" else None
    if head in AccountSettings.model_fields:
        return variable(["accounts", "default", head])
    if head.startswith("accounts_") or (
        below and get_close_matches(head, ["accounts"], cutoff=0.7)
    ):
        return variable(["accounts", "<name>", "<setting>"])
    close = get_close_matches(head, Settings.model_fields, n=1, cutoff=_CLOSE)
    if close:
        return variable(close)
    return "" if below else None


def _location(details: ErrorDetails) -> tuple[str, ...]:
    return tuple(str(part) for part in details["loc"] if part != "[key]")


def _what(details: ErrorDetails) -> str:
    location, kind = _location(details), details["type"]
    field = _field(location)
    if kind == "string_pattern_mismatch" and details["loc"][-1] == "[key]":
        return (
            "an account's name is 1 to 32 of a-z, 0-9, - and _, and begins with a letter or digit"
        )
    if location == ("accounts",):
        return _accounts_fault()
    if field is None:
        return f"is not a setting{_hint(_sibling(location))}"
    if kind == "missing":
        return f"must be set. {field.description}"
    return f"{_complaint(details)}. {field.description}"


def _accounts_fault() -> str:
    needed = [name for name, field in AccountSettings.model_fields.items() if field.is_required()]
    names = ", ".join(variable(["accounts", "default", name]) for name in needed)
    return f"at least one account must be set, for instance by {names}"


def _complaint(details: ErrorDetails) -> str:
    message = details["msg"].removeprefix("Value error, ")
    return message.replace("Input should", "must").replace("String should", "must")


def _given(details: ErrorDetails) -> str:
    """The value, if such a field can hold neither a secret nor an address with one inside."""
    field, value = _field(_location(details)), details["input"]
    annotation = field.annotation if field else None
    is_plain = annotation in {int, float, bool} or get_origin(annotation) is Literal
    if not is_plain or not isinstance(value, str | int | float):
        return ""
    return f"={value!r}"[:_SHOWN_LENGTH]


def _field(location: tuple[str, ...]) -> FieldInfo | None:
    match location:
        case ("accounts", _, name, *_):
            return AccountSettings.model_fields.get(name)
        case ("accounts", _):
            return Settings.model_fields["accounts"]
        case (name, *_):
            return Settings.model_fields.get(name)
    return None


def _sibling(location: tuple[str, ...]) -> str:
    *above, name = location
    known = AccountSettings.model_fields if above else Settings.model_fields
    close = get_close_matches(name.lower(), known, n=1)
    return variable([*above, *close]) if close else ""


def _hint(meant: str) -> str:
    return f"; did you mean {meant}?" if meant else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
