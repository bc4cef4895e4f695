"""A file of rows for people, in the form in which theirs came: a workbook for a workbook."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from campaigns.output.csv_file import open_csv, write_csv
from campaigns.output.workbook import new_workbook
from campaigns.source.columns import EXPECTED_PREFIX
from campaigns.source.table import Form

_WORKBOOKS = frozenset({".xlsx", ".xlsm"})
_TEXTS = frozenset({".csv", ".txt", ".tsv", ".tab"})
_WHOLE = re.compile(r"-?\d{1,11}")
_NUMBER = re.compile(r"-?\d{1,11}(\.\d{1,4})?")
_NUMBERS = frozenset({"id", "rate", "quantity"})


class AddRow(Protocol):
    """Adds a row to a file."""

    def __call__(self, cells: Sequence[str], texts: Collection[int] = ()) -> None:
        """`texts`: places whose cells stay texts, although their columns hold numbers."""


def suffix_of(form: Form) -> str:
    """The ending of a file in the input's form."""
    return ".xlsx" if form.is_workbook else ".csv"


@contextmanager
def open_rows(path: Path, form: Form, header: Sequence[str]) -> Iterator[AddRow]:
    """Adds rows of texts to a new file; a name that ends otherwise goes before the input's form.

    Raises OSError.
    """
    suffix = path.suffix.lower()
    if suffix in _WORKBOOKS or (form.is_workbook and suffix not in _TEXTS):
        with new_workbook(path) as book:
            fields = form.fields.items()
            numbers = {at for name, at in fields if name.removeprefix(EXPECTED_PREFIX) in _NUMBERS}
            add = book.sheet("rows", header, set(range(len(header))) - numbers)
            # In a text file with decimal commas a point is between thousands.
            number = _WHOLE if form.decimal_comma and not form.is_workbook else _NUMBER

            def add_typed(cells: Sequence[str], texts: Collection[int] = ()) -> None:
                places = numbers.difference(texts)
                add(
                    [
                        Decimal(cell) if at in places and number.fullmatch(cell) else cell or None
                        for at, cell in enumerate(cells)
                    ]
                )

            yield add_typed
        return
    with open_csv(path, form) as file:
        write = write_csv(file, form, header).write
        yield lambda cells, texts=(): write(cells)  # noqa: ARG005 - all are texts in a CSV
