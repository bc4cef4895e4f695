"""The types of single fields: strict, exact, and explicit about what is allowed.

Nothing is converted that could change its meaning: no float becomes a price, no "no" becomes true.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
)

from revio_jobs.contracts.names import ACCOUNT_PATTERN, RUN_PATTERN, SOURCE_PATTERN
from revio_jobs.contracts.product_fields import PRODUCT_FIELDS

_INT32_MAX = 2**31 - 1
_MONEY_DECIMALS = 4
# What XML 1.0 cannot carry, and the control characters that no product text should hold.
_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PLAIN_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def about(name: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """The declared meaning of a product's field, for the JSON schema. Use it in Annotated."""
    return Field(description=PRODUCT_FIELDS[name].help)


def _exact_decimal(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('a float is not exact: give a Decimal or a string such as "12.50"')
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise ValueError('expected a Decimal or a string such as "12.50"')
    if isinstance(value, str) and not _PLAIN_DECIMAL.fullmatch(value):
        raise ValueError('expected a plain decimal such as "12.50"')
    try:
        return Decimal(value)
    except InvalidOperation as exc:
        raise ValueError('expected a plain decimal such as "12.50"') from exc


def _few_decimals(value: Decimal) -> Decimal:
    # Pydantic's own bound lets trailing zeros pass, which would then go out to the vendor.
    if -int(value.as_tuple().exponent) > _MONEY_DECIMALS:
        raise ValueError(f"at most {_MONEY_DECIMALS} decimals")
    return value


def _plain(value: Decimal) -> str:
    """As an XML Schema decimal: never an exponent, never a negative zero."""
    return format(value or abs(value), "f")


def _calendar_date(value: object) -> object:
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError("the calendar has no such day") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("expected a date or an ISO date such as 2026-01-31")


def _printable(value: str) -> str:
    if match := _FORBIDDEN_CHARACTERS.search(value):
        raise ValueError(
            f"control characters are not allowed; found U+{ord(match[0]):04X} "
            f"at position {match.start()}"
        )
    return value


Id = Annotated[StrictInt, Field(ge=1, le=_INT32_MAX)]
Quantity = Annotated[StrictInt, Field(ge=0, le=_INT32_MAX)]
Seconds = Annotated[StrictInt, Field(ge=0, le=_INT32_MAX)]
Flag = StrictBool

# As a worker reports it, which has read it with care: pydantic's own decimal is quick.
ReportedAmount = Annotated[
    Decimal,
    Field(allow_inf_nan=False),
    PlainSerializer(_plain, return_type=str, when_used="json"),
]
# What a product may show: exactly what the vendor gives.
Amount = Annotated[
    Decimal,
    BeforeValidator(_exact_decimal),
    Field(allow_inf_nan=False),
    PlainSerializer(_plain, return_type=str, when_used="json"),
    # Pydantic's own schema would allow any number, and so a float.
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_PLAIN_DECIMAL.pattern}$"},
                {"type": "integer"},
            ]
        },
        mode="validation",
    ),
]
# What a job may set: up to 4 decimals, and 19 digits as SQL Server's money type holds them.
Money = Annotated[
    Amount,
    Field(max_digits=19, decimal_places=_MONEY_DECIMALS),
    AfterValidator(_few_decimals),
]

# .NET's 0001-01-01 stands for "no date" and must not be written as one.
Day = Annotated[date, BeforeValidator(_calendar_date), Field(ge=date(1900, 1, 1))]

Text = Annotated[str, Field(strict=True, max_length=500), AfterValidator(_printable)]
IdempotencyKey = Annotated[
    str, Field(strict=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Account = Annotated[str, Field(strict=True, pattern=ACCOUNT_PATTERN)]
RunName = Annotated[str, Field(strict=True, pattern=RUN_PATTERN)]
Source = Annotated[str, Field(strict=True, pattern=SOURCE_PATTERN)]
