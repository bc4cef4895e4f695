"""One account at the vendor: what can be asked of it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.errors import Unreadable
from tasks.ports.permits import Call


@dataclass(frozen=True, slots=True)
class Filters:
    """Which customer products to read; at least one value in total."""

    ids: tuple[int, ...] = ()
    customer_ids: tuple[int, ...] = ()
    line_ids: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many values there are in all."""
        return len(self.ids) + len(self.customer_ids) + len(self.line_ids)


@dataclass(frozen=True, slots=True)
class Change:
    """What to write to one customer product; every field not named stays as it is."""

    id: int
    values: Mapping[str, Any]
    """By contract name: Decimal, int, str, date or bool."""
    clear: frozenset[str] = frozenset()
    """Contract names of the fields to null."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A product whose record came and has a field that cannot be read."""

    customer_product_id: int | None
    """None if not even that can be read: then the whole customer or line is concerned."""
    customer_id: int | None
    line_id: int | None
    field: str | None
    """The contract's name; None if the record as a whole is not XML."""
    problem: str
    """What is wrong with it, without its value."""

    def value_of(self, filter_name: str) -> int | None:
        """The record's value for a filter: ids, customer_ids or line_ids."""
        return {
            "ids": self.customer_product_id,
            "customer_ids": self.customer_id,
            "line_ids": self.line_id,
        }[filter_name]

    def as_json(self) -> dict[str, Any]:
        """In the form that results and errors have."""
        return asdict(self)

    def __str__(self) -> str:
        """In words, with the ID and the field."""
        return str(Unreadable([self.as_json()]))


class PartlyReadable(Exception):
    """An answer of which some records cannot be read.

    Raised instead of returned, so that nobody takes those products for missing.
    """

    def __init__(
        self,
        records: list[CustomerProductRecord],
        unreadable: Sequence[UnreadableRecord],
    ) -> None:
        super().__init__(records, unreadable)
        self.records = records
        self.unreadable = tuple(unreadable)


class SpoiltAnswer(Exception):
    """The answer is whole and cannot be parsed, because of something in one of its products.

    The same request would get the same answer; a part of it might not.
    """


Wanted = Filters | Callable[[], Filters]
"""What to read. A callable is called when the call has its permit, always with the same result."""


class Reader(Protocol):
    """Reads customer products of one account."""

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        """At most one vendor call. Raises Retryable or Permanent, or PartlyReadable."""


class Gateway(Reader, Protocol):
    """One account at the vendor. Every call takes its own permit."""

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        """One vendor call. Raises Retryable or Permanent, PartlyReadable, or SpoiltAnswer."""

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        """One vendor call that changes the product.

        `before_send` runs after the permit was granted and before the first byte leaves; what it
        raises stops the call. Raises Retryable or Permanent when the vendor provably did not
        execute the change, OutcomeUnknown when it may have.
        """

    def check_schema(self, max_age_s: float) -> None:
        """Make sure that the vendor's schema is as it was when it was last judged.

        It costs at most one call per `max_age_s` and account. Raises Throttled if it has changed
        for the worse: then the account's updates are stopped until somebody has looked at it. The
        first reading of a schema may also raise what any call raises.
        """

    def slow_down(self, reason: str) -> None:
        """Pause the account for some ten seconds, because the vendor refuses every request."""
