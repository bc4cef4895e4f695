"""Files that list customers, lines or products: one id per row, with or without a title."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path

from campaigns.errors import InputError
from campaigns.plan.price_list import open_table
from campaigns.source.hidden_rows import HiddenRowCount
from campaigns.source.options import ReadOptions
from campaigns.source.table import ReadRow

_MAX_ID = 2**31 - 1
_SHOWN = 5
_NOUNS = frozenset({"customer", "line", "product"})


def read_owner_list(path: Path, kind: str) -> list[int]:
    """The ids in a file of customers or lines (`kind`), in its order, each once.

    A column `customer_id` (or `customer`) counts, else the only column. Raises InputError that
    names what is not an id, or which rows the file hides.
    """
    return _ids(path, kind, {kind, f"{kind}id"})


def read_product_list(path: Path) -> list[int]:
    """The ids in a file of customer products, by a column `id` or `customer_product_id`.

    A price list is such a file. Raises InputError as `read_owner_list` does.
    """
    return _ids(path, "customer product", {"id", "customerproductid"})


def _ids(path: Path, noun: str, titles: Collection[str]) -> list[int]:
    try:
        return _read_ids(path, noun, titles)
    except InputError as exc:
        if "--" not in str(exc):
            raise
        own = f"a list of {noun}s takes no such options; save it as a CSV of its own"
        raise InputError(f"{exc} ({own})") from exc


def _read_ids(path: Path, noun: str, titles: Collection[str]) -> list[int]:
    with open_table(path, ReadOptions()) as table, table.rows() as rows:
        place, has_title = _column(table.form.columns, noun, titles)
        first = [] if has_title else [(table.header_line, table.form.columns[place])]
        ids, faults, hidden = list[int](), list[str](), HiddenRowCount(ReadOptions())
        width = len(table.form.columns)
        for line, cell in chain(first, _cells(hidden.planned(rows), place, width)):
            number = int(cell) if re.fullmatch("[0-9]{1,10}", cell) else 0
            if 1 <= number <= _MAX_ID:
                ids.append(number)
            else:
                faults.append(f"line {line}: {cell[:40]!r}")
        if faults:
            more = f"; and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
            raise InputError(f"not the number of a {noun} ({'; '.join(faults[:_SHOWN])}{more})")
        if hidden.count:
            raise InputError(f"{hidden.in_words()}: show them, or delete them from the list")
        if not ids:
            raise InputError(f"the file names no {noun}")
    return list(dict.fromkeys(ids))


def _column(titles: Sequence[str], noun: str, meant: Collection[str]) -> tuple[int, bool]:
    """Where the ids are, and whether the first line is a title."""
    keys = [re.sub(r"[\W_]+", "", title.lower()) for title in titles]
    places = [place for place, key in enumerate(keys) if key in meant]
    if len(places) == 1:
        return places[0], True
    others = _NOUNS - {word for word in _NOUNS if noun.endswith(word)}
    names_others = keys[0].endswith("id") or keys[0].removesuffix("s") in others
    if len(titles) == 1 and (titles[0].isdecimal() or not names_others):
        return 0, not titles[0].isdecimal()
    raise InputError(
        f"name one column {noun.replace(' ', '_')}_id, or give a file of nothing but ids; its "
        f"first line has: {', '.join(title[:40] for title in titles[:20])}"
    )


def _cells(rows: Iterator[ReadRow], place: int, width: int) -> Iterator[tuple[int, str]]:
    """Line and text of each row's cell in that place; all of a row that is wider than the first.

    There a sign within an ID, as in 1,004, has made two cells of it.
    """
    for row in rows:
        cells = [cell.strip() for cell in row.cells]
        if any(cells[width:]):
            yield row.line, ",".join(cells)
        else:
            yield row.line, cells[place] if place < len(cells) else ""
