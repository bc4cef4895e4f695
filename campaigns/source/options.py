"""What a person states about a file, where the file alone could mean two things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class HiddenRows(StrEnum):
    """What becomes of rows that a spreadsheet does not show."""

    PLAN = "plan"
    SKIP = "skip"


class Rates(StrEnum):
    """Which value of a cell counts where its number format shows another than it holds."""

    SHOWN = "shown"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """All omitted: the file must leave no doubt."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """What a column is, by its title: a field's name, `expected:` and a field's name, or id."""
    ignored: tuple[str, ...] = ()
    """Titles of columns that are carried along, whatever they look like."""
    sheets: tuple[str, ...] = ()
    """Names of the sheets to read, in this order."""
    header_line: int | None = None
    """The line that names the columns, counted from 1."""
    hidden_rows: HiddenRows | None = None
    rates: Rates | None = None
    encoding: str | None = None
    """A Python codec's name."""
    decimal: str | None = None
    """The decimal sign, "." or ","; the other one then separates thousands."""

    def document(self) -> dict[str, Any]:
        """JSON values of what was stated."""
        stated = {
            "columns": dict(self.columns),
            "ignored": list(self.ignored),
            "sheets": list(self.sheets),
            "header_line": self.header_line,
            "hidden_rows": self.hidden_rows,
            "rates": self.rates,
            "encoding": self.encoding,
            "decimal": self.decimal,
        }
        return {name: value for name, value in stated.items() if value}
