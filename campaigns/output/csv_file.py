"""CSV files that are written, in the form in which the input came."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from campaigns.source.cell_text import neutral
from campaigns.source.table import Form


class CsvWriter:
    """Rows of text, with formulas made harmless."""

    def __init__(self, file: IO[str], form: Form) -> None:
        self._writer = csv.writer(file, delimiter=form.delimiter, lineterminator="\n")

    def write(self, cells: Iterable[str]) -> None:
        """One row."""
        self._writer.writerow(map(neutral, cells))


def write_csv(file: IO[str], form: Form, header: Sequence[str]) -> CsvWriter:
    """Begins a file in that form."""
    out = CsvWriter(file, form)
    out.write(header)
    return out


def open_csv(path: Path, form: Form) -> IO[str]:
    """A new file in the input's encoding; with the mark that Excel needs where it was none.

    Raises OSError.
    """
    encoding = "utf-8-sig" if form.is_workbook else form.encoding
    return path.open("w", encoding=encoding, errors="replace", newline="")
