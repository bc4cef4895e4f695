"""Rows that a spreadsheet does not show: counted, and left out if somebody has said so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from campaigns.source.options import HiddenRows, ReadOptions
from campaigns.source.table import ReadRow, place_of

_SHOWN_LINES = 5


class HiddenRowCount:
    """Grows while `planned` is run through."""

    def __init__(self, options: ReadOptions) -> None:
        self.count = 0
        self._stated = options.hidden_rows
        self._places: list[str] = []

    def planned(self, rows: Iterable[ReadRow]) -> Iterator[ReadRow]:
        """The rows without those that are to be skipped."""
        is_skipped = self._stated is HiddenRows.SKIP
        for row in rows:
            if row.is_hidden:
                self._note(row)
                if is_skipped:
                    continue
            yield row

    def _note(self, row: ReadRow) -> None:
        self.count += 1
        if len(self._places) < _SHOWN_LINES:
            self._places.append(place_of(row.line, row.sheet))

    def faults(self) -> Iterator[str]:
        """A line, if nobody has said what becomes of them."""
        if self.count and self._stated is None:
            yield (
                f"{self.in_words()}: say whether they are meant with --hidden-rows plan or "
                "--hidden-rows skip"
            )

    def in_words(self) -> str:
        """How many there are, and where."""
        lines = ", ".join(self._places)
        more = ", …" if self.count > len(self._places) else ""
        rows = "1 row is" if self.count == 1 else f"{self.count:,} rows are"
        return f"{rows} hidden, or left out by a filter ({lines}{more})"
