"""Rates that a comma, meant as a decimal or thousands sign, has cut over two columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.source.columns import Columns
from campaigns.source.table import OUTCOME_PREFIX, Form, ReadRow

_CENTS_DIGITS = 2
_GROUP_DIGITS = 3
_CENTS, _GROUP = "its cents", "the rest of its thousands"
_REST = re.compile(r"\d{3}\.\d+")
_HEAD = re.compile(r"[+-]?[1-9]\d{0,2}")


class CutRates:
    """Whether all rates are whole, and the cells beside them could be their rest.

    Grows with `add`. One row with 1 and 093.45 side by side is enough.
    """

    def __init__(self, form: Form, columns: Columns) -> None:
        self._form = form
        self._place = columns.changes.get("rate", -1) + 1
        self._use = columns.used().get(self._place, "")
        self._commas_delimit = form.delimiter == ","
        self._is_watched = self._could_be_cut(columns)
        self._rest = ""
        """What the cells beside the rates could be, in words."""
        self._cut_line = 0

    def _could_be_cut(self, columns: Columns) -> bool:
        place = self._place
        if not 0 < place < columns.width or place in columns.ignored | columns.stated:
            return False
        is_ours = self._form.columns[place].lower().startswith(OUTCOME_PREFIX)
        return not is_ours and (not self._use or self._commas_delimit)

    @property
    def is_settled(self) -> bool:
        """Whether no further row matters."""
        return not self._is_watched or self._cut_line > 0

    def add(self, row: ReadRow) -> None:
        """One more row, while it is not settled."""
        rate, rest = (cell.strip() for cell in (*row.cells, "", "")[self._place - 1 :][:2])
        if not rate:
            return
        if self._commas_delimit and _HEAD.fullmatch(rate) and _REST.fullmatch(rest):
            self._cut_line = row.line
        elif row.kinds or not rate.lstrip("+-").isdecimal():
            self._is_watched = False
        elif rest:
            reading = self._reading(rate, rest)
            self._is_watched = reading != "" and self._rest in {"", reading}
            self._rest = reading

    def _reading(self, rate: str, rest: str) -> str:
        if not rest.isdecimal():
            return ""
        if len(rest) == _CENTS_DIGITS:
            return _CENTS
        # What commas do not part they have not cut, and one digit is a common quantity.
        if not self._commas_delimit or self._use == "quantity":
            return ""
        if len(rest) == _GROUP_DIGITS and _HEAD.fullmatch(rate):
            return _GROUP
        return _CENTS if len(rest) == 1 else ""

    def faults(self) -> Iterator[str]:
        """A line, if the rates could be cut."""
        if not (self._cut_line or (self._is_watched and self._rest)):
            return
        title, rate = self._form.columns[self._place], self._form.columns[self._place - 1]
        way_out = f'--map "{title}={title}"' if self._use else f'--ignore-column "{title}"'
        where = f"{rate} in line {self._cut_line}" if self._cut_line else f"all of {rate}"
        yield (
            f"{where} is whole, and {title!r} beside it could be {self._rest or _GROUP}: if a "
            f"comma has cut the rates, correct them; if not, give {way_out}"
        )
