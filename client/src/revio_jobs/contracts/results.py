"""The results that callers collect. New fields have defaults: old callers go on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from revio_jobs.contracts.fields import Told


class CustomerProductRecord(TypedDict):
    """One customer product as JSON: decimals as strings, dates in ISO form."""

    customer_product_id: int
    line_id: int | None
    customer_id: int | None
    product_id: int | None
    description: str | None
    group_on_bill: bool | None
    tax_included: bool | None
    quantity: int | None
    rate: str | None
    cost: str | None
    code1: str | None
    code2: str | None
    billed_through_date: str | None
    canceled_date: str | None
    activated_date: str | None
    disconnect_date: str | None
    status: str | None
    carrier: str | None
    carrier_id: int | None
    package: str | None
    package_id: int | None


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CustomerProduct(_Result):
    """One customer product with Python's types: Decimal, date, bool."""

    customer_product_id: int
    line_id: int | None = None
    customer_id: int | None = None
    product_id: int | None = None
    description: str | None = None
    group_on_bill: bool | None = None
    tax_included: bool | None = None
    quantity: int | None = None
    rate: Told | None = None
    cost: Told | None = None
    code1: str | None = None
    code2: str | None = None
    billed_through_date: date | None = None
    canceled_date: date | None = None
    activated_date: date | None = None
    disconnect_date: date | None = None
    status: str | None = None
    """PENDING, ACTIVE, DENIED, DISCONNECTED, or one that the vendor has added since."""
    carrier: str | None = None
    carrier_id: int | None = None
    package: str | None = None
    package_id: int | None = None

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401, ARG002 - as pydantic's
        """Which fields were given is the same for all: a set each would be most of their memory."""
        object.__setattr__(self, "__pydantic_fields_set__", _ALL_FIELDS)


_ALL_FIELDS = set(CustomerProduct.model_fields)


class QueryResult(_Result):
    """What a query found."""

    customer_products: tuple[CustomerProduct, ...]
    missing_ids: tuple[int, ...] = ()
    """Those of the job's ids that the vendor did not return."""
    calls: int = 0
    """Vendor calls that were spent on it."""
    fetched_at: datetime
    """Aware, UTC."""


Outcome = Literal["applied", "superseded", "drifted"]


class UpdateResult(_Result):
    """How an update ended. An update that failed raises an error instead."""

    outcome: Outcome
    """applied: the vendor has it. superseded: newer jobs had set all its fields; nothing was sent.
    drifted: a value named in expected no longer held; nothing was sent."""
    verified: bool = False
    """True: a query after the call has shown the new values."""
    id: int
    sent: tuple[str, ...] = ()
    """The fields that went to the vendor; none if `skip_unchanged` found them as wished."""
    superseded_by: str | None = None
    """The job whose newer values won."""
    found: dict[str, Any] | None = None
    """drifted: the named fields as they were found, as JSON values."""
    calls: int = 0
    settled_at: datetime | None = None
    """Aware, UTC."""
