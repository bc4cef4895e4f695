"""Writes the products of customers and lines to a file that can serve as a price list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from campaigns.errors import InputError
from campaigns.export.layout import ExportLayout
from campaigns.output.csv_file import write_csv
from campaigns.output.workbook import MAX_ROWS, new_workbook
from campaigns.plan.diff import is_disconnected
from campaigns.plan.owned_products import OwnedProducts
from campaigns.plan.owners import Owners
from campaigns.plan.row_planner import Reader
from campaigns.rows.planned_row import RowClass
from campaigns.rules.rules import Rules, values_of
from campaigns.source.amounts import undoubted
from campaigns.source.table import Form
from revio_jobs import UnreadableProduct

_ENCODING = "utf-8-sig"
"""A spreadsheet takes a file without a byte order mark for one of the system's old encoding."""
_SHEET = "products"

AddRow = Callable[[Sequence[Any]], None]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Selects products and the fields to edit."""

    owners: Owners
    layout: ExportLayout = field(default_factory=ExportLayout)
    rules: Rules = field(default_factory=Rules)
    """Only their filter is used."""
    includes_disconnected: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what was not."""

    rows: int
    left_out: Counter[RowClass]
    """Products by why they are not in the file."""
    without_products: Owners
    """Customers and lines without products."""


def export(to: Path, request: ExportRequest, reader: Reader) -> Exported:
    """Write `to` (.csv or .xlsx).

    Raises InputError if nothing is to be written or the file is there already, and RevioError when
    products cannot be read; nothing is written then.
    """
    if not request.owners:
        raise InputError("give --customer, --customers, --line or --lines: whose products?")
    products, left_out = OwnedProducts(request.owners, reader), Counter[RowClass]()
    rows = 0
    with _new_file(to, request.layout) as add:
        for product in products:
            if isinstance(product, UnreadableProduct):
                left_out[RowClass.PROBLEM] += 1
                continue
            if why := _left_out(values_of(product), request):
                left_out[why] += 1
                continue
            add(request.layout.cells(product))
            rows += 1
        if not rows:
            raise InputError(f"nothing to export: {_why_nothing(left_out)}")
    return Exported(rows, left_out, products.without_products())


def _left_out(values: dict[str, Any], request: ExportRequest) -> RowClass | None:
    if not request.rules.concern(values):
        return RowClass.NOT_MEANT
    if is_disconnected(values["status"]) and not request.includes_disconnected:
        return RowClass.DISCONNECTED
    return None


def _why_nothing(left_out: Counter[RowClass]) -> str:
    if not left_out:
        return "those customers and lines have no products"
    return ", ".join(f"{count:,} products are {why}" for why, count in left_out.items())


@contextmanager
def _new_file(to: Path, layout: ExportLayout) -> Iterator[AddRow]:
    """Write rows to a file next to `to`, which gets that name once the block has succeeded."""
    writers = {".csv": _csv, ".xlsx": _xlsx}
    if (writer := writers.get(to.suffix.lower())) is None:
        raise InputError(f"{to}: an export is a .csv or an .xlsx file")
    if to.exists():
        raise InputError(f"{to} is there already, perhaps with somebody's edits: choose another -o")
    draft = to.with_name(f".{to.name}.draft")
    try:
        with writer(draft, layout) as add:
            yield add
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _csv(path: Path, layout: ExportLayout) -> Iterator[AddRow]:
    with path.open("w", encoding=_ENCODING, newline="") as file:
        out = write_csv(file, Form(encoding=_ENCODING), layout.titles)
        yield lambda cells: out.write(map(_text, cells))


@contextmanager
def _xlsx(path: Path, layout: ExportLayout) -> Iterator[AddRow]:
    with new_workbook(path) as book:
        sheet = book.sheet(_SHEET, layout.titles, layout.text_columns)
        rows = 0

        def add(cells: Sequence[Any]) -> None:
            nonlocal rows
            rows += 1
            if rows > MAX_ROWS:
                raise InputError(
                    f"more than {MAX_ROWS:,} products: a sheet ends there; give a .csv"
                )
            sheet(cells)

        yield add


def _text(value: object) -> str:
    if value is None:
        return ""
    return undoubted(format(value, "f")) if isinstance(value, Decimal) else str(value)
