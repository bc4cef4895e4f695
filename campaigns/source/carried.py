"""What columns hold that nobody uses: amounts, currencies and one day are hardly a mere remark.

A list of titles that sound like an instruction is never complete (see `titles`). So a column that
is only carried along, and holds nothing but amounts with decimals, nothing but currencies, or the
same day in all rows, is asked about, whatever it is called, and if it has no title at all; unless
rates are formulas, since it may be what they are computed from. So is a column called status that
holds anything but Rev.io's own: `approved` and `on hold` mark the rows that count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.source.columns import Columns, question
from campaigns.source.currencies import is_currency
from campaigns.source.table import OUTCOME_PREFIX, CellKind, Form, ReadRow
from campaigns.source.titles import is_of_a_record, key_of

_AMOUNT = re.compile(
    r"[+-]?\(?(?P<before>[$€£¥] ?)?-?\d{1,3}([,.' ]?\d{3})*(?P<decimals>[.,]\d{1,4})?\)?"
    r"(?P<after> ?[%$€£¥])?"
)
_DAY = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(\d{4}|\d\d)")
_STATUS = "status"
# A product's, as Rev.io has them; others may mark the rows that count.
_STATUSES = frozenset({"", "ACTIVE", "PENDING", "DENIED", "DISCONNECTED"})
_SHOWN_CHARACTERS = 40
_AMOUNTS, _CURRENCIES = "amounts", "currencies"
_BESIDE = {_AMOUNTS: {""}}
"""What a column of them may hold as well; whole numbers say nothing by themselves."""


class CarriedColumns:
    """Grows with `add`."""

    def __init__(self, form: Form, columns: Columns) -> None:
        self._form = form
        self._rate = columns.changes.get("rate")
        used = columns.used()
        self._watched: dict[int, str] = {
            place: ""
            for place, title in enumerate(form.columns)
            if place not in used
            and place not in columns.ignored
            and not title.lower().startswith(OUTCOME_PREFIX)
            and not is_of_a_record(title)
        }
        """What each column has held so far; one that held anything else is not watched any more."""
        self._status = next(
            (
                place
                for place, title in enumerate(form.columns)
                if key_of(title) == _STATUS and place not in used and place not in columns.ignored
            ),
            None,
        )
        self._mark = ""
        """What the column of statuses holds that is none."""

    @property
    def is_settled(self) -> bool:
        """Whether no further row matters."""
        return not self._watched and (self._status is None or self._mark != "")

    def add(self, row: ReadRow) -> None:
        """One more row."""
        if self._status is not None and not self._mark and self._status < len(row.cells):
            status = row.cells[self._status].strip()
            self._mark = "" if status.upper() in _STATUSES else status[:_SHOWN_CHARACTERS]
        if self._rate in row.computed:
            # What the rates are computed from.
            self._watched.clear()
        for place in tuple(self._watched):
            cell = row.cells[place].strip() if place < len(row.cells) else ""
            if not cell:
                continue
            before, content = self._watched[place], _content(cell, row, place)
            fits = content == before or content in _BESIDE.get(before, ())
            if content is None or (before and not fits):
                del self._watched[place]
            else:
                self._watched[place] = before or content

    def faults(self) -> Iterator[str]:
        """A line for each column that is asked about."""
        for place, content in self._watched.items():
            if content:
                yield question(self._form.columns[place], f"holds {content}")
        if self._status is not None and self._mark:
            holds = f"holds {self._mark!r}, which is not one of Rev.io's statuses"
            yield question(self._form.columns[self._status], holds)


def _content(cell: str, row: ReadRow, place: int) -> str | None:
    """Amounts, currencies, a certain day, or "", a whole number; None: something else."""
    if row.kind(place) is CellKind.NUMBER:
        return _AMOUNTS if "." in cell or place in row.currencies else ""
    if row.kind(place) is CellKind.DATE or _DAY.fullmatch(cell):
        return f"the same day ({cell})"
    if match := _AMOUNT.fullmatch(cell):
        return _AMOUNTS if any(match.group("before", "decimals", "after")) else ""
    return _CURRENCIES if is_currency(cell) else None
