"""The columns of an export: those to edit, what they hold now, and what the product is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaigns.errors import InputError
from campaigns.rows.field_change import plain
from campaigns.source.cells import CLEAR
from campaigns.source.columns import EXPECTED_PREFIX
from campaigns.source.table import OUTCOME_PREFIX
from revio_jobs import CustomerProduct
from revio_jobs.contracts import CHANGE_NAMES, Expected

EXPORTABLE = tuple(name for name in CHANGE_NAMES if name in Expected.model_fields)
"""The fields that can be changed and read."""

_OWNERS = ("customer_id", "line_id", "product_id")
_CONTEXT = ("description", "quantity", "rate", "cost", "status", "billed_through_date")
_TEXTS = frozenset({"description", "code1", "code2"})


@dataclass(frozen=True, slots=True)
class ExportLayout:
    """Each of `fields` has a column to edit and one of the expected value.

    What else is told of a product stands in columns that planning carries along: a title such as
    `quantity` would be an instruction to write the quantity of the day of the export.
    """

    fields: tuple[str, ...] = ("rate",)

    @classmethod
    def of(cls, fields: Sequence[str]) -> ExportLayout:
        """Raises InputError for a field that a list cannot change, or that cannot be read."""
        for name in fields:
            if name not in EXPORTABLE:
                raise InputError(f"{name!r} cannot be exported; {', '.join(EXPORTABLE)} can")
        return cls(tuple(dict.fromkeys(fields)))

    @property
    def titles(self) -> tuple[str, ...]:
        """The first line."""
        edited = (title for name in self.fields for title in (name, f"{EXPECTED_PREFIX}{name}"))
        context = (f"{OUTCOME_PREFIX}{name}" for name in self._context)
        return ("id", *edited, *_OWNERS, *context)

    @property
    def text_columns(self) -> frozenset[int]:
        """Places of columns whose cells are always text."""
        places = {title: place for place, title in enumerate(self.titles)}
        return frozenset(
            place
            for title, place in places.items()
            if title.removeprefix(EXPECTED_PREFIX).removeprefix(OUTCOME_PREFIX) in _TEXTS
        )

    def cells(self, product: CustomerProduct) -> list[Any]:
        """The product's row: int, Decimal, date, str or None."""
        edited = []
        for name in self.fields:
            value = _plain(getattr(product, name))
            edited += [value, CLEAR if value in {None, ""} else value]
        more = (_plain(getattr(product, name)) for name in (*_OWNERS, *self._context))
        return [product.customer_product_id, *edited, *more]

    @property
    def _context(self) -> tuple[str, ...]:
        return tuple(name for name in _CONTEXT if name not in self.fields)


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value
