"""The products of customers and of lines."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.plan.owners import Owners
from campaigns.plan.row_planner import Reader
from revio_jobs import CustomerProduct, UnreadableProduct


class OwnedProducts:
    """All products of `owners`, each once; can be run through once."""

    def __init__(self, owners: Owners, reader: Reader) -> None:
        self._owners = owners
        self._reader = reader
        self._customers_seen = set[int]()
        self._lines_seen = set[int]()

    def __iter__(self) -> Iterator[CustomerProduct | UnreadableProduct]:
        """Raises InvalidJob for what cannot be an id, and RevioError."""
        # Two kinds of filters in one query mean "and" at some vendors and "or" at others.
        for product in self._reader.by_customer(self._owners.customers):
            self._note(product)
            yield product
        customers = frozenset(self._owners.customers)
        for product in self._reader.by_line(self._owners.lines):
            self._note(product)
            if product.customer_id not in customers:
                yield product

    def without_products(self) -> Owners:
        """Those that have none, once all products have been run through."""
        return Owners(
            tuple(one for one in self._owners.customers if one not in self._customers_seen),
            tuple(one for one in self._owners.lines if one not in self._lines_seen),
        )

    def _note(self, product: CustomerProduct | UnreadableProduct) -> None:
        if product.customer_id is not None:
            self._customers_seen.add(product.customer_id)
        if product.line_id is not None:
            self._lines_seen.add(product.line_id)
