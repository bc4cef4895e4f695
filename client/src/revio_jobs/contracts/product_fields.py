"""The fields of a customer product, each declared once: its kind, its use, its meaning in Rev.io.

Jobs, results, plans, the command line and the SOAP adapter take names, kinds and help from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType


class FieldKind(StrEnum):
    """What kind of value a field holds."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ProductField:
    """One field of a customer product."""

    name: str
    """In the contract, and in JSON."""
    kind: FieldKind
    help: str
    """Its meaning in Rev.io and its unit, in one sentence."""
    is_changeable: bool = False
    """Whether an update can set it, or empty it by naming it in `clear`. Only the vendor's WSDL
    tells whether its schema has a way to say the latter."""
    is_readable: bool = True
    """Whether a query shows it."""


_INTEGER, _DECIMAL, _BOOLEAN, _DATE, _TEXT = FieldKind

PRODUCT_FIELDS: Mapping[str, ProductField] = MappingProxyType(
    {
        field.name: field
        for field in (
            ProductField(
                "customer_product_id",
                _INTEGER,
                "Rev.io's ID of this product on this customer's account; the `id` of jobs.",
            ),
            ProductField(
                "line_id",
                _INTEGER,
                "ID of the line (the service, such as a phone number) that the product is on.",
            ),
            ProductField(
                "customer_id",
                _INTEGER,
                "Rev.io's own ID of the customer, which is not the customer's account number.",
            ),
            ProductField(
                "product_id",
                _INTEGER,
                "ID of the product in Rev.io's catalog; customers with the same product share it.",
            ),
            ProductField(
                "description",
                _TEXT,
                "The product's name as the customer's account and bill show it.",
                is_changeable=True,
            ),
            ProductField(
                "group_on_bill",
                _BOOLEAN,
                "True: the bill adds it to its package's line instead of itemizing it.",
            ),
            ProductField(
                "tax_included",
                _BOOLEAN,
                "True: rate times quantity includes taxes, which Rev.io backs out of it.",
            ),
            ProductField(
                "quantity",
                _INTEGER,
                "Number of units; rate times quantity is the price per billing period.",
                is_changeable=True,
            ),
            ProductField(
                "rate",
                _DECIMAL,
                "What the customer is charged per unit and billing period, in the account's "
                "currency; negative for a credit.",
                is_changeable=True,
            ),
            ProductField(
                "cost",
                _DECIMAL,
                "What the product costs the provider per unit and billing period, in the account's "
                "currency.",
            ),
            ProductField(
                "code1",
                _TEXT,
                "First product code: free text by which the provider's own systems know the "
                "product.",
                is_changeable=True,
            ),
            ProductField(
                "code2",
                _TEXT,
                "Second product code, as code1.",
                is_changeable=True,
            ),
            ProductField(
                "billed_through_date",
                _DATE,
                "The day through which recurring charges have been billed.",
            ),
            ProductField(
                "canceled_date",
                _DATE,
                "The disconnect date, unless the account's bill profile has disconnect proration "
                "off.",
            ),
            ProductField(
                "activated_date",
                _DATE,
                "The day from which the product is charged.",
                is_changeable=True,
            ),
            ProductField(
                "disconnect_date",
                _DATE,
                "The day on which the product ends.",
                is_changeable=True,
            ),
            ProductField(
                "status",
                _TEXT,
                "PENDING, ACTIVE, DENIED, DISCONNECTED, or one that the vendor has added since.",
            ),
            ProductField("carrier", _TEXT, "Name of the carrier that provides the service."),
            ProductField("carrier_id", _INTEGER, "Rev.io's ID of that carrier."),
            ProductField(
                "package",
                _TEXT,
                "Name of the package (products sold and billed together) that it belongs to.",
            ),
            ProductField("package_id", _INTEGER, "Rev.io's ID of that package."),
            ProductField(
                "do_not_prorate",
                _BOOLEAN,
                "True: the change is billed for the whole period, false: for its part of the "
                "period; if omitted, the product's own setting decides.",
                is_changeable=True,
                is_readable=False,
            ),
        )
    }
)
"""By name, in the order in which a query shows them."""


def values_agree(name: str, first: object, second: object) -> bool:
    """Whether two values of the field of that name are the same to Rev.io.

    Each may be a value of the contract (Decimal, date, int, bool, str, None) or its JSON form
    (a decimal or a date as text). 12.5 agrees with "12.50", and None with "", since the vendor may
    return an emptied text either way; 0 does not agree with None, nor 1 with true. A value that is
    not of the field's kind agrees with none, itself included. Raises KeyError if there is no such
    field.
    """
    read = _READERS[PRODUCT_FIELDS[name].kind]
    if _is_empty(first) or _is_empty(second):
        return _is_empty(first) and _is_empty(second)
    value = read(first)
    return value is not None and value == read(second)


def _is_empty(value: object) -> bool:
    return value is None or value == ""


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: object) -> date | None:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_READERS: Mapping[FieldKind, Callable[[object], object]] = {
    FieldKind.INTEGER: _integer,
    FieldKind.DECIMAL: _decimal,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.DATE: _date,
    FieldKind.TEXT: _text,
}
