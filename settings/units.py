"""Types of the settings' values."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

_FERNET_KEY_BYTES = 32
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_TEN_YEARS_S = 10 * 365 * 86_400


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise ValueError(f"{name!r} is not a time zone such as UTC or America/New_York") from exc
    return name


def _check_fernet_key(key: str) -> str:
    try:
        raw = base64.b64decode(key, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _FERNET_KEY_BYTES:
        raise ValueError("is not a Fernet key (32 bytes in URL-safe base64, 44 characters)")
    return key


def secret(check: Callable[[str], object]) -> AfterValidator:
    """Applies a check of the plain text to a SecretStr."""

    def apply(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return AfterValidator(apply)


def _check_secret(text: str) -> None:
    if not text.strip():
        raise ValueError("must not be blank")
    if not text.isprintable():
        raise ValueError(
            "holds a line break or another character that cannot be seen, such as one of a file "
            "with Windows' line ends"
        )


def _check_header_secret(text: str) -> None:
    if not _HEADER_SAFE.fullmatch(text):
        raise ValueError("must be printable ASCII without spaces, since it is sent in a header")


def _split_at_commas(value: Any) -> Any:  # noqa: ANN401 - any value of a source; pydantic validates it next
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Secret = Annotated[SecretStr, Field(min_length=1), secret(_check_secret)]
HeaderSecret = Annotated[Secret, secret(_check_header_secret)]
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000_000)]
Seconds = Annotated[float, Field(gt=0, le=_TEN_YEARS_S, allow_inf_nan=False)]
ReadBackLag = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
WholeSeconds = Annotated[int, Field(gt=0, le=_TEN_YEARS_S)]
TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
FernetKey = Annotated[SecretStr, secret(_check_fernet_key)]
Codes = Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)]


def check_pattern(value: str) -> str:
    """Raises ValueError for an invalid regular expression."""
    try:
        re.compile(value)
    except re.error as exc:
        raise ValueError(f"must be a regular expression: {exc}") from exc
    return value
