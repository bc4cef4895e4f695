"""A look at an upload's columns, so that a person can say what each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from campaigns.export import EXPORTABLE
from campaigns.plan.price_list import open_table
from campaigns.source.columns import is_id
from campaigns.source.options import ReadOptions
from campaigns.source.titles import key_of, without_new, without_old

_LOOKED_AT = 200
_SHOWN = 3
_CHARACTERS = 40
_IDS = frozenset({"id", "productid", "customerproductid", "customerproduct", "productnumber"})
_RATES = frozenset({"rate", "price", "monthlyrate", "monthlyprice", "unitprice", "unitrate"})


def sampled_columns(source: Path, options: ReadOptions) -> dict[str, tuple[str, ...]]:
    """The first values under each title, by title. Raises InputError, OSError."""
    with open_table(source, options) as table, table.rows() as rows:
        titles = table.form.columns
        first = [row.cells for row in islice(rows, _LOOKED_AT)]
    return {title: tuple(_values(first, place)) for place, title in enumerate(titles)}


def proposals(titles: Sequence[str]) -> dict[str, str]:
    """What columns probably are, by title, for a person to confirm; each field at most once."""
    proposed = {title: field for title in titles if (field := _proposal(title))}
    fields = [*proposed.values(), *map(known_field, titles)]
    return {title: field for title, field in proposed.items() if fields.count(field) == 1}


def known_field(title: str) -> str:
    """What the reader takes the column as without being told; "" if it does not."""
    if is_id(title):
        return "id"
    return next((name for name in EXPORTABLE if key_of(name) == key_of(title)), "")


def _proposal(title: str) -> str:
    if known_field(title):
        return ""
    key = re.sub(r"[^a-z0-9]", "", key_of(title.partition("(")[0]))
    new, old = without_new(key), without_old(key)
    if key in _IDS:
        return "id"
    if old != key:
        return f"expected:{field}" if (field := _field(old)) else ""
    return _field(new)


def _field(key: str) -> str:
    if key in _RATES:
        return "rate"
    return next((name for name in EXPORTABLE if key_of(name) == key), "")


def _values(rows: Sequence[Sequence[str]], place: int) -> Iterator[str]:
    cells = (row[place].strip() for row in rows if place < len(row))
    for value in islice((cell for cell in cells if cell), _SHOWN):
        yield value if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]}…"
