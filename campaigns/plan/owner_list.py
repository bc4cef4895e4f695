"""Files that list customers or lines: one id a row, with or without a title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from campaigns.errors import InputError
from campaigns.plan.planner import opened_source
from campaigns.source.table import Source

_MAX_ID = 2**31 - 1
_SHOWN = 5


def read_owner_list(path: Path, kind: str) -> list[int]:
    """The ids in a file of customers or lines (`kind`), in its order, each once.

    A column `customer_id` (or `customer`) counts, else the only column. Raises InputError that
    names what is not an id, and where.
    """
    with opened_source(path) as source:
        place, has_title = _column(source.form.columns, kind, path)
        cells = _cells(source, place, has_title=has_title)
        ids, faults = list[int](), list[str]()
        for line, cell in cells:
            number = int(cell) if re.fullmatch("[0-9]{1,10}", cell) else 0
            if 1 <= number <= _MAX_ID:
                ids.append(number)
            else:
                faults.append(f"line {line}: {cell[:40]!r}")
    if faults:
        more = f"; and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        raise InputError(
            f"{path.name}: not the number of a {kind} ({'; '.join(faults[:_SHOWN])}{more})"
        )
    if not ids:
        raise InputError(f"{path.name}: the file names no {kind}")
    return list(dict.fromkeys(ids))


def _column(titles: Sequence[str], kind: str, path: Path) -> tuple[int, bool]:
    """Where the ids are, and whether the first line is a title."""
    keys = [re.sub(r"[\W_]+", "", title.lower()) for title in titles]
    places = [place for place, key in enumerate(keys) if key in {kind, f"{kind}id"}]
    if len(places) == 1:
        return places[0], True
    if len(titles) == 1 and (titles[0].isdecimal() or not keys[0].endswith("id")):
        return 0, not titles[0].isdecimal()
    raise InputError(
        f"{path.name}: name one column {kind}_id, or give a file of nothing but ids; its first "
        f"line has: {', '.join(title[:40] for title in titles[:20])}"
    )


def _cells(source: Source, place: int, *, has_title: bool) -> Iterator[tuple[int, str]]:
    """Line and text of each cell that holds anything."""
    if not has_title:
        yield 1, source.form.columns[place]
    for row in source.rows:
        cell = row.cells[place].strip() if place < len(row.cells) else ""
        if cell or any(row.cells):
            yield row.line, cell
