"""XLSB: what its records hold and show, and what of a sheet is hidden."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from tests.unit.campaigns.xlsb import Value, write_xlsb

TABLE: list[list[Value]] = [["id", "rate"], [5001, 20.48], [5002, 21]]


def read(path: Path, **options: Any) -> list[Any]:
    """Each row, or its problems."""
    with open_price_list(path, ReadOptions(**options), Rules()) as prices:
        return [row for _, row in prices.rows()]


def test_a_binary_workbook_is_read_like_any_other(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "in.xlsb", {"Prices": TABLE})
    with open_price_list(path, ReadOptions(), Rules()) as prices:
        assert prices.read_as.kind == "XLSB workbook"
        assert prices.read_as.sheets == ("Prices",)
        rates = {row.id: row.changes["rate"] for _, row in prices.rows() if row}  # type: ignore[union-attr]
    assert rates == {5001: Decimal("20.48"), 5002: Decimal(21)}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (-20.48, None),
        (0.0625, None),
        (536870913, None),
        ("20.48", None),
        (1e-7, "more than 4 decimals"),
        (True, "yes-or-no"),
        ("$20", "is in the way"),
    ],
)
def test_each_kind_of_cell_is_a_rate_or_a_problem(
    tmp_path: Path, value: Value, says: str | None
) -> None:
    (row,) = read(write_xlsb(tmp_path / "in.xlsb", {"a": [["id", "rate"], [5001, value]]}))
    if says is None:
        assert row.changes == {"rate": Decimal(str(value))}
    else:
        assert says in row[0].kind


def test_a_rate_that_is_shown_otherwise_needs_a_word(tmp_path: Path) -> None:
    table: list[list[Value]] = [["id", "rate"], [5001, 20.1435]]
    path = write_xlsb(tmp_path / "in.xlsb", {"a": table}, formats={(2, 1): "0.00"})
    ((problem,),) = read(path)
    assert problem.value == "shown 20.14, holds 20.1435"
    (row,) = read(path, rates=Rates.SHOWN)
    assert row.changes == {"rate": Decimal("20.14")}


@pytest.mark.parametrize(("serial", "from_1904"), [(46447, False), (44985, True)])
def test_days_count_from_1900_or_1904(tmp_path: Path, serial: int, *, from_1904: bool) -> None:
    table: list[list[Value]] = [["id", "disconnect_date"], [5001, serial]]
    path = write_xlsb(
        tmp_path / "in.xlsb", {"a": table}, formats={(2, 1): "yyyy-mm-dd"}, from_1904=from_1904
    )
    (row,) = read(path)
    assert row.changes == {"disconnect_date": date(2027, 3, 1)}


def test_hidden_rows_columns_sheets_and_merged_cells_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsb"
    write_xlsb(path, {"Prices": TABLE}, hidden_rows=[3])
    with pytest.raises(InputError, match=r"1 row is hidden.*line 3"):
        read(path)
    assert [row.id for row in read(path, hidden_rows=HiddenRows.SKIP)] == [5001]
    with pytest.raises(InputError, match=r"column B .rate. is hidden"):
        read(write_xlsb(path, {"Prices": TABLE}, hidden_columns=[1]))
    with pytest.raises(InputError, match=r"column A has merged cells .A2:A3."):
        read(write_xlsb(path, {"Prices": TABLE}, merged=[(1, 2, 0, 0)]))
    write_xlsb(path, {"Draft": TABLE, "Prices": TABLE[:2]}, hidden_sheets=["Draft"])
    assert [row.id for row in read(path)] == [5001]
    assert [row.id for row in read(path, sheets=("Draft",))] == [5001, 5002]


def test_a_binary_workbook_that_is_cut_anywhere_is_refused_in_words(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "in.xlsb", {"Prices": TABLE})
    whole = path.read_bytes()
    for size in range(100, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="damaged"):
            read(path)


@pytest.mark.parametrize("at", range(0, 120, 7))
def test_a_record_that_claims_more_than_there_is_is_told(tmp_path: Path, at: int) -> None:
    path = write_xlsb(tmp_path / "in.xlsb", {"Prices": TABLE})
    with ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    sheet = bytearray(content["xl/worksheets/sheet1.bin"])
    sheet[at] ^= 0x7F
    content["xl/worksheets/sheet1.bin"] = bytes(sheet)
    with ZipFile(path, "w") as parts:
        for name, part in content.items():
            parts.writestr(name, part)
    # Whatever the record then says, it is read or refused in words.
    with suppress(InputError):
        read(path)
