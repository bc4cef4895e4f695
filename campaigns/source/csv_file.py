"""CSV in and out: the form is found out by looking, and kept for what is written in return."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from campaigns.errors import InputError
from campaigns.source.cell_text import neutral, original
from campaigns.source.table import Form, ReadRow, Source, check_cells, check_header, find_columns

_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 20
_LOOKED_AT_BYTES = 4096
_LOOKED_AT_ROWS = 1000
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_POINT_DECIMAL = re.compile(r"[+-]?\d+\.\d+")


@contextmanager
def opened_csv(path: Path) -> Iterator[Source]:
    """The file's rows. Raises InputError, also while they are read."""
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            delimiter = _delimiter(file.readline())
        except UnicodeDecodeError as exc:
            raise InputError("the text's encoding is broken") from exc
    with _rows(path, encoding, delimiter) as rows:
        header = check_header(next(rows, ReadRow(1, ())).cells)
        decimal_comma = delimiter != "," and _has_decimal_commas(header, rows)
    form = Form("csv", header, delimiter, encoding, decimal_comma)
    with _rows(path, encoding, delimiter) as rows:
        next(rows)
        yield Source(path.name, form, rows)


def write_csv(file: IO[str], form: Form, header: Sequence[str]) -> CsvOut:
    """Begins a file in that form."""
    out = CsvOut(file, form)
    out.write(header)
    return out


class CsvOut:
    """Rows of text, with formulas made harmless."""

    def __init__(self, file: IO[str], form: Form) -> None:
        self._writer = csv.writer(file, delimiter=form.delimiter, lineterminator="\n")

    def write(self, cells: Iterable[str]) -> None:
        """One row."""
        self._writer.writerow(map(neutral, cells))


@contextmanager
def _rows(path: Path, encoding: str, delimiter: str) -> Iterator[Iterator[ReadRow]]:
    with path.open(encoding=encoding, newline="") as file:
        yield _read(csv.reader(file, delimiter=delimiter, strict=True))


def _read(reader: Iterator[list[str]]) -> Iterator[ReadRow]:
    last = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise InputError(f"line {last + 1}: {_in_words(exc)}") from exc
        except UnicodeDecodeError as exc:
            raise InputError(f"after line {last}: the text's encoding is broken") from exc
        line, last = last + 1, int(getattr(reader, "line_num", last + 1))
        if any(cell.strip() for cell in cells):
            check_cells(line, cells)
            yield ReadRow(line, tuple(original(cell) for cell in cells))


def _in_words(exc: csv.Error) -> str:
    if "field larger" in str(exc):
        return "a cell is too long to be one; is a quotation mark missing?"
    return f"not CSV: {exc}"


def _encoding(path: Path) -> str:
    """By its byte order mark, else UTF-8 if it is valid, else Windows' Western European."""
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT_BYTES)
        for mark, encoding in _BOMS.items():
            if start.startswith(mark):
                return encoding
        if b"\0" in start:
            raise InputError("the file is not text; give CSV or XLSX")
        file.seek(0)
        return "utf-8" if _is_utf8(iter(lambda: file.read(_BLOCK_BYTES), b"")) else "cp1252"


def _is_utf8(blocks: Iterable[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(header: str) -> str:
    """The one that the first line has most of."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _has_decimal_commas(header: Sequence[str], rows: Iterator[ReadRow]) -> bool:
    """Whether the rates of the first rows are written 12,50 throughout."""
    try:
        index = find_columns(header).changes.get("rate")
    except InputError:
        return False  # not a price list, as a list of customers
    if index is None:
        return False
    rates = [
        row.cells[index].strip() for row in islice(rows, _LOOKED_AT_ROWS) if len(row.cells) > index
    ]
    commas = any(_COMMA_DECIMAL.fullmatch(rate) for rate in rates)
    return commas and not any(_POINT_DECIMAL.fullmatch(rate) for rate in rates)
