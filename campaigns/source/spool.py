"""Rows that were read once, kept in a file while the list is planned."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

from campaigns.source.cells import ParsedRow, Problem
from campaigns.source.table import ReadRow

_ROWS_PER_BATCH = 500
_PLAIN_PARTS = 3

Outcome = ParsedRow | list[Problem] | None
"""What a row asks for, or what is wrong with it; None: it repeats another."""


class RowSpool:
    """What reading a file once came to, so that its formats are not decoded a second time.

    A file without a name, which goes with the process; a million rows of a few cells take some
    100 MB there and hardly any memory.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = TemporaryFile(prefix="revio-")  # noqa: SIM115 - closed by `__exit__`
        self._batch: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, row: ReadRow, outcome: Outcome) -> None:
        """One more row."""
        # Plain tuples are kept: named ones cost three times as much.
        wish = _wish(outcome) if isinstance(outcome, ParsedRow) else outcome
        self._batch.append((_packed(row), wish))
        if len(self._batch) == _ROWS_PER_BATCH:
            self._flush()

    def rows(self) -> Iterator[tuple[ReadRow, Outcome]]:
        """All rows, in their order. It can be called again once it has been run through."""
        self._flush()
        self._file.seek(0)
        while True:
            try:
                batch = pickle.load(self._file)  # noqa: S301 - we have written it
            except EOFError:
                return
            for packed, wish in batch:
                row = _unpacked(packed)
                yield row, (ParsedRow(row.line, *wish) if isinstance(wish, tuple) else wish)

    def _flush(self) -> None:
        if self._batch:
            pickle.dump(self._batch, self._file, protocol=5)
            self._batch = []


def _packed(row: ReadRow) -> tuple[Any, ...]:
    if not (row.kinds or row.formulas):
        return row.line, row.cells, row.last_line
    return (
        *(row.line, row.cells, row.last_line, row.kinds, row.formulas, row.is_hidden, row.sheet),
        *(dict(row.shown) or None, dict(row.currencies) or None, row.computed),
    )


def _unpacked(packed: tuple[Any, ...]) -> ReadRow:
    if len(packed) == _PLAIN_PARTS:
        line, cells, last_line = packed
        return ReadRow(line, cells, last_line=last_line)
    line, cells, last_line, kinds, formulas, is_hidden, sheet, shown, money, computed = packed
    return ReadRow(
        *(line, cells, kinds, shown or {}, formulas, last_line, is_hidden, sheet, money or {}),
        computed=computed,
    )


def _wish(row: ParsedRow) -> tuple[Any, ...]:
    return row.id, row.changes, row.clear, row.expected, row.effective, row.cells, row.sheet
