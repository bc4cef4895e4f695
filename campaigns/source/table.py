"""The rows that a campaign starts from, and the form in which they came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.errors import InputError
from revio_jobs.contracts import CHANGE_NAMES, Expected

MAX_CELL_CHARACTERS = 10_000
OUTCOME_PREFIX = "revio_"
"""Columns that we add to what we write; they are ignored when it is read again."""

EXPECTED_PREFIX = "expected:"
"""A column `expected:rate` holds the rate that the file's author believes the product to have."""

_ID_NAMES = ("id", "customer_product_id")


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written, so that what we write in return can be read by its maker."""

    kind: str = "csv"
    """csv or xlsx."""
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Form:
        """From `document`."""
        return cls(**{**document, "columns": tuple(document["columns"])})


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row as text; dates and numbers of a spreadsheet in plain ISO form."""

    line: int
    """As an editor or a spreadsheet counts it; 0 when there is no file."""
    cells: tuple[str, ...]
    uncomputed: frozenset[int] = frozenset()
    """Places of formulas whose value the file does not have; their cells hold the formula."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's rows; `rows` can be run through once, while the file is open."""

    name: str
    form: Form
    rows: Iterator[ReadRow]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row what is."""

    id: int
    changes: Mapping[str, int] = field(default_factory=dict)
    """By contract name. All other columns are carried along."""
    width: int = 0
    expected: Mapping[str, int] = field(default_factory=dict)
    """By contract name, the columns that say what a product has now."""


def find_columns(header: Sequence[str]) -> Columns:
    """Letter case, blanks and underscores do not count. Raises InputError."""
    known = {_key(name): name for name in CHANGE_NAMES}
    ids, changes, expected = [], dict[str, int](), dict[str, int]()
    for index, title in enumerate(header):
        key = _key(title)
        if name := _expected_field(title):
            _add_column(expected, name, index, title)
        elif key in map(_key, _ID_NAMES):
            ids.append(index)
        elif name := known.get(key):
            _add_column(changes, name, index, name)
    if len(ids) != 1:
        what = "no column is" if not ids else "two columns are"
        found = ", ".join(title[:40] for title in header[:20])
        raise InputError(f"{what} called id (or customer_product_id); the first line has: {found}")
    return Columns(ids[0], changes, len(header), expected)


def _add_column(columns: dict[str, int], name: str, index: int, title: str) -> None:
    if name in columns:
        raise InputError(f"two columns are called {title}")
    columns[name] = index


def _expected_field(title: str) -> str | None:
    """The field of an `expected:` column; None for any other. Raises InputError."""
    prefix, sign, field_title = title.strip().partition(":")
    if not sign or _key(prefix) != _key(EXPECTED_PREFIX):
        return None
    fields = {_key(name): name for name in Expected.model_fields}
    if (name := fields.get(_key(field_title))) is None:
        raise InputError(f"column {title!r}: a product has {', '.join(fields.values())}")
    return name


def check_header(header: Sequence[str]) -> tuple[str, ...]:
    """The columns' titles. Raises InputError."""
    titles = tuple(title.strip() for title in header)
    if not any(titles):
        raise InputError("the file is empty: its first line must name the columns")
    check_cells(1, titles)
    return titles


def check_cells(line: int, cells: Sequence[str]) -> None:
    """Raises InputError for a cell that no field could hold."""
    for index, cell in enumerate(cells):
        if len(cell) > MAX_CELL_CHARACTERS:
            raise InputError(
                f"line {line}, column {index + 1}: a cell of {len(cell):,} characters; "
                f"at most {MAX_CELL_CHARACTERS:,} are read"
            )


def _key(title: str) -> str:
    return re.sub(r"[\W_]+", "", title.lower())
