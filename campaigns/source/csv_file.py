"""CSV in: its form is found out by looking at all of it, and kept for what is written in return."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from campaigns.errors import InputError
from campaigns.source.cell_text import original, unescaped
from campaigns.source.columns import is_id
from campaigns.source.encoding import Encoding, find_encoding
from campaigns.source.header import check_header, header_row
from campaigns.source.options import ReadOptions
from campaigns.source.quoting import NOT_QUOTING, half_quoted
from campaigns.source.table import MAX_CELL_CHARACTERS, Form, ReadRow, Table, check_cells

_DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {"\t": "tab"}
_LOOKED_AT_CHARACTERS = 1 << 16
_LOOKED_AT_RECORDS = 30
# A row without any of these has nothing that `unescaped` or `original` would change.
_SPECIAL = re.compile(r"['=\r]|_x")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[^\S\r\n]*(?=[\r\n]|$)', re.IGNORECASE)


def open_csv_table(path: Path, options: ReadOptions) -> Table:
    """The file's header, and its rows. Raises InputError."""
    if options.sheets:
        raise InputError("--sheet is for workbooks; a CSV has no sheets")
    encoding = find_encoding(path, options.encoding)
    with path.open(encoding=encoding.name, newline="") as file:
        try:
            start = file.read(_LOOKED_AT_CHARACTERS)
        except UnicodeError as exc:
            raise InputError(_broken(encoding)) from exc
    separator = _SEPARATOR_LINE.match(start)
    delimiter = separator[1] if separator else _delimiter(start)
    skipped = 1 if separator else 0
    header = _header(path, encoding, delimiter, skipped, options)
    if title := half_quoted(header.cells, range(len(header.cells))):
        raise InputError(f"column {title.strip()}: {NOT_QUOTING}")
    facts: dict[str, Any] = {
        "kind": "CSV",
        "encoding": encoding.name,
        "encoding_found": encoding.how,
        "encoding_is_guessed": encoding.is_guessed,
        "delimiter": _DELIMITER_NAMES.get(delimiter, delimiter),
    }

    @contextmanager
    def rows() -> Iterator[Iterator[ReadRow]]:
        with _records(path, encoding, delimiter) as records:
            yield (row for row in records if row.line > header.line)

    form = Form("csv", check_header(header.cells), delimiter, encoding.name)
    return Table(path.name, form, header.line, facts, rows)


def _header(
    path: Path, encoding: Encoding, delimiter: str, skipped: int, options: ReadOptions
) -> ReadRow:
    with _records(path, encoding, delimiter) as records:
        first = list(islice((row for row in records if row.line > skipped), _LOOKED_AT_RECORDS))
    return header_row(first, options)


@contextmanager
def _records(path: Path, encoding: Encoding, delimiter: str) -> Iterator[Iterator[ReadRow]]:
    with path.open(encoding=encoding.name, newline="") as file:
        yield _read(csv.reader(file, delimiter=delimiter, strict=True), encoding)


def _read(reader: Iterator[list[str]], encoding: Encoding) -> Iterator[ReadRow]:
    last = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise InputError(f"line {last + 1}: {_in_words(exc)}") from exc
        except UnicodeError as exc:
            raise InputError(f"after line {last}: {_broken(encoding)}") from exc
        line, last = last + 1, int(getattr(reader, "line_num", last + 1))
        text = "".join(cells)
        if len(text) <= MAX_CELL_CHARACTERS and not _SPECIAL.search(text):
            if text.strip():
                yield ReadRow(line, tuple(cells), last_line=last)
        elif any(cell.strip() for cell in cells):
            check_cells(line, cells)
            yield _row(line, [unescaped(cell) for cell in cells], last)


def _row(line: int, cells: Sequence[str], last_line: int) -> ReadRow:
    formulas = tuple(at for at, cell in enumerate(cells) if cell.startswith("="))
    return ReadRow(line, tuple(map(original, cells)), formulas=formulas, last_line=last_line)


def _broken(encoding: Encoding) -> str:
    return (
        f"the text's encoding is broken: it is not {encoding.name} ({encoding.how}); "
        "--encoding states another"
    )


def _in_words(exc: csv.Error) -> str:
    if "field larger" in str(exc):
        return "a cell is too long to be one; is a quotation mark missing?"
    return f"not CSV: {exc} (is a quotation mark missing, or one too many?)"


def _delimiter(start: str) -> str:
    """The one with which a line names an id and most columns; else the first line's commonest."""
    lines = start.lstrip("\r\n")
    widths = {one: _header_width(lines, one) for one in _DELIMITERS}
    if best := max(widths.values()):
        return next(one for one in _DELIMITERS if widths[one] == best)
    bare = re.sub(r'"[^"]*"', "", lines.splitlines()[0] if lines else "")
    return max(_DELIMITERS, key=bare.count)


def _header_width(text: str, delimiter: str) -> int:
    """Columns of the first line that names an id; 0 if none does."""
    try:
        for cells in islice(
            csv.reader(StringIO(text, newline=""), delimiter=delimiter), _LOOKED_AT_RECORDS
        ):
            if any(is_id(original(cell)) for cell in cells):
                return len(cells)
    except csv.Error:
        return 0
    return 0
