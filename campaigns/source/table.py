"""The rows that a campaign starts from, and the form in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from campaigns.errors import InputError
from campaigns.source.number_format import Shown

MAX_CELL_CHARACTERS = 10_000
OUTCOME_PREFIX = "revio_"
"""Columns that we add to what we write; they are ignored when it is read again."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written, so that what we write in return can be read by its maker."""

    kind: str = "csv"
    """csv, xlsx, xlsb, xls or ods."""
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False
    fields: Mapping[str, int] = field(default_factory=dict)
    """Where in `columns` the id, each changed field and each expected value were found."""

    @property
    def is_workbook(self) -> bool:
        """Whether what we write in return is a workbook."""
        return self.kind != "csv"

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Form:
        """From `document`."""
        return cls(**{**document, "columns": tuple(document["columns"])})


class CellKind(StrEnum):
    """What a workbook's cell holds; one letter each, so that a row's kinds are one short text."""

    BLANK = "-"
    TEXT = "t"
    NUMBER = "n"
    DATE = "d"
    FLAG = "b"
    ERROR = "e"
    UNCOMPUTED = "f"
    """A formula whose value the file does not have; the cell's text is the formula."""


_KINDS = {kind.value: kind for kind in CellKind}


class ReadRow(NamedTuple):
    """One row as text; dates and numbers of a spreadsheet in plain ISO form."""

    line: int
    """As an editor or a spreadsheet counts it; 0 when there is no file."""
    cells: tuple[str, ...]
    kinds: str = ""
    """A CellKind for each cell of a workbook; "" in a CSV, whose cells are all text."""
    shown: Mapping[int, Shown] = MappingProxyType({})
    """What cells show, by place, where it is not what they hold."""
    formulas: tuple[int, ...] = ()
    """Places of a CSV's cells that a spreadsheet would compute."""
    last_line: int = 0
    """Where a CSV's record ends, if it spans several lines."""
    is_hidden: bool = False
    sheet: str = ""
    """Where several sheets are read: the row's."""
    currencies: Mapping[int, str] = MappingProxyType({})
    """The currencies that a workbook's numbers are shown in, by place."""
    computed: tuple[int, ...] = ()
    """Places of a workbook's cells that hold a formula and its value."""

    def kind(self, index: int) -> CellKind | None:
        """None: a CSV's cell, or none."""
        return _KINDS[self.kinds[index]] if index < len(self.kinds) else None


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was opened: its header, and rows that can be run through repeatedly."""

    name: str
    form: Form
    """What was found so far; see `survey`."""
    header_line: int
    facts: Mapping[str, Any]
    """How the file was understood: what only its kind knows."""
    rows: Callable[[], AbstractContextManager[Iterator[ReadRow]]]
    """The rows below the header."""
    column_faults: Callable[[], Mapping[int, str]] = dict
    """Why a column cannot be used as it stands, by place; known when all rows have been read."""


def place_of(line: int, sheet: str) -> str:
    """A row's place in words; `sheet` where several are read."""
    return f"{sheet} line {line}" if sheet else f"line {line}"


def check_cells(line: int, cells: Sequence[str]) -> None:
    """Raises InputError for a cell that no field could hold."""
    if sum(map(len, cells)) <= MAX_CELL_CHARACTERS:
        return
    for index, cell in enumerate(cells):
        if len(cell) > MAX_CELL_CHARACTERS:
            raise InputError(
                f"line {line}, column {index + 1}: a cell of {len(cell):,} characters; "
                f"at most {MAX_CELL_CHARACTERS:,} are read"
            )
