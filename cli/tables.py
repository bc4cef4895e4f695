"""Tables for people, and how they write counts and times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from rich import box
from rich.table import Table

from cli.answer import printable

_RIGHT = {
    *("quantity", "rate", "used", "limit", "left", "left for bulk", "jobs", "calls sent"),
    *("revenue change", "rate change", "revenue before", "revenue after", "change", "change %"),
}
# A narrow terminal folds these; the others stay readable.
_FOLDED = {"description", "finding", "changes", "for example", "why"}


def table(*columns: str, rows: Iterable[Iterable[object]], title: str | None = None) -> Table:
    """Every value as text that a terminal shows as it is; None is an empty cell."""
    shown = None if title is None else printable(title)
    made = Table(box=box.SIMPLE, title=shown, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(
            printable(column),
            justify="right" if column in _RIGHT else "left",
            no_wrap=column not in _FOLDED,
        )
    for row in rows:
        made.add_row(*("" if value is None else printable(str(value)) for value in row))
    return made


def counted(count: int, what: str) -> str:
    """1 call, 2 calls."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def when(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
