"""A table of a page: what its cells show, and by what they are sorted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

_LONGEST_CELL = 500


@dataclass(frozen=True, slots=True)
class Column:
    """A title, and whether numbers stand below it: they are to the right."""

    title: str
    is_number: bool = False
    name: str = ""
    """What programs call it, if not by its title."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text. Where it is a number, the browser sorts by that number."""

    text: str
    number: str = ""

    @classmethod
    def of(cls, value: object) -> Cell:
        """Money has its thousands separated; None is empty, and a long text is cut."""
        match value:
            case Cell():
                return value
            case None:
                return cls("")
            case bool():
                return cls("yes" if value else "no")
            case Decimal():
                return cls(f"{value:,f}", f"{value:f}")
            case int():
                return cls(str(value), str(value))
            case _:
                text = str(value)
                cut = len(text) > _LONGEST_CELL
                return cls(f"{text[:_LONGEST_CELL]}…" if cut else text)


@dataclass(frozen=True, slots=True)
class PageTable:
    """Rows below a header; one of many rows can be filtered."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    """What the table leaves out."""
    is_filterable: bool = False

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[Column],
        rows: Iterable[Sequence[object]],
        *,
        note: str = "",
        is_filterable: bool = False,
    ) -> PageTable:
        """From any values."""
        cells = [[Cell.of(value) for value in row] for row in rows]
        return cls(title, columns, cells, note, is_filterable)

    def document(self) -> list[dict[str, str]]:
        """JSON values: a row's cells by their columns, numbers plain."""
        names = [column.name or column.title for column in self.columns]
        return [
            {name: cell.number or cell.text for name, cell in zip(names, row, strict=True)}
            for row in self.rows
        ]
