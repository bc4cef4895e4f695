"""The customers, lines and products that a new sandbox holds.

The ids follow from the number of customers alone; the seed decides the values. Customers are
1001, 1002, …; the one at index i has 1 + i % 3 lines, dense from 30001, and 1 + i % 4 products,
dense from 5001, spread over its lines in turn. So four customers hold ten products: 2,000 customers
hold 5001 to 10000. Every 25th product (5025, 5050, …) is DENIED.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

Record = dict[str, str | None]
"""A product's fields by their names in a query's answer, plus DoNotProrateFlag, as text."""

FIRST_CUSTOMER = 1001
FIRST_LINE = 30001
FIRST_PRODUCT = 5001
DENIED_EVERY = 25


class _Offer(NamedTuple):
    product_id: int
    description: str
    rate: str
    cost: str
    code1: str | None
    code2: str | None


_OFFERS = (
    _Offer(17, "Hosted Seat", "24.95", "9.10", "HS-100", None),
    _Offer(18, "Hosted Seat \u2013 Prémium", "34.95", "12.40", "HS-200", "UC"),
    _Offer(23, "SIP Trunk", "19.5", "6.25", "SIP", "TRK"),
    _Offer(41, "DID & E911", "1.75", "0.4", "DID", "E911"),
    _Offer(58, "Loyalty Credit", "-5", "0", "CR", None),
    _Offer(77, "Broadband 100/20", "89", "51.375", None, None),
    _Offer(104, "Toll-Free <8YY> Number", "2.9999", "0.9", "TF", ""),
    _Offer(230, "Managed Router", "15", "7.5", "CPE", "MGD"),
)
_CARRIERS = ((3, "Bandwidth"), (8, "Lumen"), (12, "AT&T"))
_PACKAGES = ((501, "Office Bundle"), (502, "Remote Bundle"))
_FIRST_DAY = date(2019, 1, 1)
_BILLED_THROUGH = date(2026, 1, 31)


def lines_of(customer_id: int) -> range:
    block, place = divmod(customer_id - FIRST_CUSTOMER, 3)
    first = FIRST_LINE + 6 * block + (0, 1, 3)[place]
    return range(first, first + 1 + place)


def products_of(customer_id: int) -> range:
    block, place = divmod(customer_id - FIRST_CUSTOMER, 4)
    first = FIRST_PRODUCT + 10 * block + (0, 1, 3, 6)[place]
    return range(first, first + 1 + place)


def populate(customers: int, seed: int) -> Iterator[Record]:
    """Every product in the order of its id. More customers only add to it."""
    random = Random(seed)  # noqa: S311 - made-up data
    for customer_id in range(FIRST_CUSTOMER, FIRST_CUSTOMER + customers):
        lines = lines_of(customer_id)
        for position, product_id in enumerate(products_of(customer_id)):
            yield _record(random, customer_id, lines[position % len(lines)], product_id)


def _record(random: Random, customer_id: int, line_id: int, product_id: int) -> Record:
    offer = random.choice(_OFFERS)
    carrier_id, carrier = random.choice((*_CARRIERS, (None, None)))
    package_id, package = random.choice((*_PACKAGES, (None, None), (None, None)))
    return {
        "Customer_Product_ID": str(product_id),
        "Line_ID": str(line_id),
        "Customer_ID": str(customer_id),
        "Product_ID": str(offer.product_id),
        "Description": offer.description,
        "Group_On_Bill": _flag(random, 0.5 if package else 0),
        "Tax_Included": _flag(random, 0.1),
        "Quantity": str(random.choice((1, 1, 1, 2, 5, 12))),
        "Rate": _money(offer.rate),
        "Cost": _money(offer.cost),
        "Code1": offer.code1,
        "Code2": offer.code2,
        **_dates_and_status(random, product_id),
        "Carrier": carrier,
        "Carrier_ID": _text(carrier_id),
        "Package": package,
        "Package_ID": _text(package_id),
        "DoNotProrateFlag": _flag(random, 0.2),
    }


def _dates_and_status(random: Random, product_id: int) -> Record:
    status = random.choices(("ACTIVE", "PENDING", "DISCONNECTED"), (88, 6, 6))[0]
    if (product_id - FIRST_PRODUCT + 1) % DENIED_EVERY == 0:
        status = "DENIED"
    began = status in {"ACTIVE", "DISCONNECTED"}
    activated = _FIRST_DAY + timedelta(days=random.randrange(2000))
    disconnected = activated + timedelta(days=random.randrange(30, 500))
    ended = disconnected.isoformat() if status == "DISCONNECTED" else None
    return {
        "Billed_Through_Date": _BILLED_THROUGH.isoformat() if began else None,
        "Canceled_Date": ended,
        "Activated_Date": activated.isoformat() if began else None,
        "Disconnect_Date": ended,
        "Status": status,
    }


def _money(text: str) -> str:
    return str(Decimal(text).quantize(Decimal("0.0001")))


def _flag(random: Random, share: float) -> str:
    return "true" if random.random() < share else "false"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
