"""The results that callers collect. New fields have defaults: old callers go on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from revio_jobs.contracts.fields import ReportedAmount, about
from revio_jobs.errors import Unreadable


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
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class CustomerProduct(_Result):
    """One customer product with Python's types: Decimal, date, bool."""

    customer_product_id: Annotated[int, about("customer_product_id")]
    line_id: Annotated[int | None, about("line_id")] = None
    customer_id: Annotated[int | None, about("customer_id")] = None
    product_id: Annotated[int | None, about("product_id")] = None
    description: Annotated[str | None, about("description")] = None
    group_on_bill: Annotated[bool | None, about("group_on_bill")] = None
    tax_included: Annotated[bool | None, about("tax_included")] = None
    quantity: Annotated[int | None, about("quantity")] = None
    rate: Annotated[ReportedAmount | None, about("rate")] = None
    cost: Annotated[ReportedAmount | None, about("cost")] = None
    code1: Annotated[str | None, about("code1")] = None
    code2: Annotated[str | None, about("code2")] = None
    billed_through_date: Annotated[date | None, about("billed_through_date")] = None
    canceled_date: Annotated[date | None, about("canceled_date")] = None
    activated_date: Annotated[date | None, about("activated_date")] = None
    disconnect_date: Annotated[date | None, about("disconnect_date")] = None
    status: Annotated[str | None, about("status")] = None
    carrier: Annotated[str | None, about("carrier")] = None
    carrier_id: Annotated[int | None, about("carrier_id")] = None
    package: Annotated[str | None, about("package")] = None
    package_id: Annotated[int | None, about("package_id")] = None

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401, ARG002 - as pydantic's
        """Which fields were given is the same for all: a set each would be most of their memory."""
        object.__setattr__(self, "__pydantic_fields_set__", _ALL_FIELDS)


_ALL_FIELDS = set(CustomerProduct.model_fields)


class UnreadableProduct(_Result):
    """A product whose record came and cannot be read; what is wrong must be fixed in Rev.io."""

    customer_product_id: int | None = None
    """None if not even that can be read: then a whole customer or line is concerned."""
    customer_id: Annotated[int | None, about("customer_id")] = None
    line_id: Annotated[int | None, about("line_id")] = None
    field: str | None = None
    """The field that cannot be read; None if the record as a whole is broken."""
    problem: str = ""
    """What is wrong with it, without its value."""

    def __str__(self) -> str:
        """In words, with the ID."""
        return str(Unreadable([self.model_dump()]))


class QueryResult(_Result):
    """What a query found."""

    customer_products: tuple[CustomerProduct, ...]
    """The products that match any of the filters, each once."""
    missing_ids: tuple[int, ...] = ()
    """Those of the job's `ids` that the vendor did not return."""
    unreadable: tuple[UnreadableProduct, ...] = ()
    """Products whose records came and cannot be read; they are not in `customer_products`. If no
    other product came, the query fails as Unreadable."""
    calls: int = 0
    """Vendor calls that were spent on it; 0 if other queries' answers were enough."""
    fetched_at: datetime
    """When the oldest part of the answer was read from Rev.io; aware, UTC."""


Outcome = Literal["applied", "superseded", "drifted"]


class UpdateResult(_Result):
    """How an update ended. An update that failed raises an error instead."""

    outcome: Outcome
    """applied: the vendor has it. superseded: newer jobs had set all its fields; nothing was sent.
    drifted: a value named in `expected` no longer held; nothing was sent."""
    verified: bool = False
    """True: a query after the call has shown the new values."""
    id: int
    """The customer product."""
    sent: tuple[str, ...] = ()
    """The fields that went to the vendor; none if `skip_unchanged` found that the product has the
    values already."""
    superseded_by: str | None = None
    """ID of the job whose newer values won."""
    found: dict[str, Any] | None = None
    """drifted: the fields of `expected` that did not hold, with the values found (JSON form)."""
    calls: int = 0
    """Vendor calls that were spent on it."""
    settled_at: datetime | None = None
    """When the outcome was known; aware, UTC."""

    def __hash__(self) -> int:
        """Without `found`, which is a dictionary."""
        return hash((self.id, self.outcome, self.sent, self.superseded_by, self.settled_at))
