"""A filter's one kind, and which records answer which of its values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import Filters

_FIELDS = {"ids": "customer_product_id", "customer_ids": "customer_id", "line_ids": "line_id"}

Records = list[CustomerProductRecord]


def kind_of(filters: Filters) -> tuple[str | None, tuple[int, ...]]:
    """The one kind of filter and its values; None if there are several.

    Whether the vendor joins several by "and" or by "or" is not known.
    """
    given = [(kind, values) for kind in _FIELDS if (values := getattr(filters, kind))]
    return given[0] if len(given) == 1 else (None, ())


def by_value(kind: str, records: Iterable[CustomerProductRecord]) -> defaultdict[int, Records]:
    """The records that answer each value of that kind."""
    found = defaultdict[int, Records](list)
    for record in records:
        found[record[_FIELDS[kind]]].append(record)  # type: ignore[literal-required]
    return found
