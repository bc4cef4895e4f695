"""The account of how a file was understood, with which every plan begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class ReadAs:
    """JSON values throughout: it is part of the plan, and so bound by its digest."""

    kind: str = ""
    """What the rows were read from, in words."""
    sheets: tuple[str, ...] = ()
    sheets_left_out: tuple[str, ...] = ()
    range: str = ""
    """The first and the last cell that hold anything, of a workbook."""
    header_line: int = 0
    encoding: str = ""
    encoding_found: str = ""
    """How the encoding was found, in words."""
    encoding_is_guessed: bool = False
    encoding_example: str = ""
    """A cell beyond ASCII, as it was read."""
    delimiter: str = ""
    decimal: str = ""
    """The decimal sign of the rates, and what it follows from."""
    thousands: str = ""
    used: Mapping[str, str] = field(default_factory=dict)
    """What each used column is, by its title."""
    carried: tuple[str, ...] = ()
    """Columns that only go along into the reports."""
    rows: int = 0
    """Below the header, with anything in them."""
    rows_without_wish: int = 0
    """Rows that ask for nothing."""
    rows_repeated: int = 0
    """Rows that say once more what an earlier one does; they count once."""
    rows_hidden: int = 0
    hidden_rows: str = ""
    """What became of them: plan or skip."""
    rows_left_out: tuple[str, ...] = ()
    """How many rows a person took out of which plan, in words; the earliest first."""
    rates: str = ""
    """Which value counted where cells show another than they hold: shown or stored."""
    currencies: tuple[str, ...] = ()
    """What a workbook shows the rates in."""
    effective: str = ""
    """The day that a column names in all rows, ISO."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What was stated when the plan was made."""

    def document(self) -> dict[str, Any]:
        """JSON values."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in named.items()
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ReadAs:
        """From `document`; what another release has added is left out."""
        names = {one.name for one in fields(cls)}
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
            if name in names
        }
        return cls(**known)

    def lines(self) -> Iterator[tuple[str, str]]:
        """For people: what, and how it was understood."""
        named = (
            ("read as", self.kind),
            ("sheet", ", ".join(self.sheets)),
            ("sheets left out", _listed(self.sheets_left_out)),
            ("range", self.range),
            ("header", f"line {self.header_line}" if self.header_line else ""),
            ("encoding", self._encoding_in_words()),
            ("delimiter", self.delimiter),
            ("decimal sign", self.decimal),
            ("thousands sign", self.thousands),
            ("columns used", ", ".join(map(_use, self.used.items()))),
            ("carried along", _listed(self.carried)),
            ("rates", f"as {self.rates}" if self.rates else ""),
            ("currency", ", ".join(self.currencies)),
            ("effective", self.effective),
            ("rows", f"{self.rows:,}" if self.rows else ""),
            ("rows without a wish", _counted(self.rows_without_wish)),
            ("rows repeated", _counted(self.rows_repeated, ", each counted once")),
            ("rows hidden", _counted(self.rows_hidden, f", {_BECAME.get(self.hidden_rows, '')}")),
            ("rows left out", "; ".join(self.rows_left_out)),
        )
        yield from (line for line in named if line[1])

    def _encoding_in_words(self) -> str:
        if not self.encoding:
            return ""
        example = f"; a cell: {self.encoding_example!r}" if self.encoding_example else ""
        return f"{self.encoding} ({self.encoding_found}){example}"


_BECAME = {"plan": "planned", "skip": "skipped"}


def _counted(rows: int, more: str = "") -> str:
    return f"{rows:,}{more}" if rows else ""


def _use(used: tuple[str, str]) -> str:
    title, name = used
    return title if title == name else f"{title} as {name}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name or "(no title)" for name in names)
