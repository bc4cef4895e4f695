"""A file of rows for people, in the form in which theirs came: a workbook for a workbook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from campaigns.output.csv_file import open_csv, write_csv
from campaigns.output.workbook import new_workbook
from campaigns.source.table import Form

_WORKBOOKS = frozenset({".xlsx", ".xlsm"})
_TEXTS = frozenset({".csv", ".txt", ".tsv", ".tab"})
_NUMBER = re.compile(r"-?\d{1,11}(\.\d{1,4})?")
_NUMBERS = frozenset({"id", "rate", "quantity"})

AddRow = Callable[[Sequence[str]], None]


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
            numbers = {place for name, place in form.fields.items() if name in _NUMBERS}
            add = book.sheet("rows", header, set(range(len(header))) - numbers)
            yield lambda cells: add([_typed(cell, at in numbers) for at, cell in enumerate(cells)])
        return
    with open_csv(path, form) as file:
        yield write_csv(file, form, header).write


def _typed(cell: str, is_number: bool) -> object:  # noqa: FBT001 - of one cell
    if is_number and _NUMBER.fullmatch(cell):
        return Decimal(cell)
    return cell or None
