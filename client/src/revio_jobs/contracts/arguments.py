"""How a caller may write values: text for money, ISO text for dates. The contracts convert them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypedDict


class Changes(TypedDict, total=False):
    """The fields that an update can set; one that is left out stays as it is.

    `PRODUCT_FIELDS` in `revio_jobs.contracts` tells what each means in Rev.io.
    """

    rate: Decimal | str | int
    quantity: int
    description: str
    code1: str
    code2: str
    activated_date: date | str
    disconnect_date: date | str
    do_not_prorate: bool


class ExpectedValues(TypedDict, total=False):
    """Values that must still hold when an update is sent; None if the field must be empty."""

    rate: Decimal | str | int | None
    quantity: int | None
    description: str | None
    code1: str | None
    code2: str | None
    activated_date: date | str | None
    disconnect_date: date | str | None
    status: str | None
