"""A billing person raises rates in a real spreadsheet program, from the export to the undo."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cli.dev.stack import Stack, local_stack
from tests.acceptance.person import Person, Revio
from tests.patience import PATIENCE_S

OFFICE = shutil.which("soffice")
QUEUE = "revio.default.bulk"
PRODUCTS = 500
CUSTOMERS = 600
MERGED, FILTERED = (5, 6), (20, 21, 22)
"""Lines of the list."""

pytestmark = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed here")


@pytest.fixture
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": CUSTOMERS, "calls_per_minute": 0},
        environment={"REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000"},
    ) as running:
        yield running


def edit(path: Path, to: Path) -> None:
    """New rates as formulas, the first two as one merged cell, and a filter that hides rows."""
    book = openpyxl.load_workbook(path)
    sheet: Any = book.active
    titles = [cell.value for cell in sheet[1]]
    rate, old = titles.index("rate") + 1, sheet.cell(1, titles.index("expected:rate") + 1)
    sheet.delete_rows(PRODUCTS + 2, sheet.max_row)
    for line in range(2, sheet.max_row + 1):
        sheet.cell(line, rate).value = f"=ROUND({old.column_letter}{line}*1.05,2)"
    column = sheet.cell(1, rate).column_letter
    sheet.merge_cells(f"{column}{MERGED[0]}:{column}{MERGED[1]}")
    sheet.auto_filter.ref = sheet.dimensions
    for line in FILTERED:
        sheet.row_dimensions[line].hidden = True
    book.save(to)


def unmerge(path: Path, to: Path) -> None:
    """As the plan says: each row has a rate of its own."""
    book = openpyxl.load_workbook(path)
    sheet: Any = book.active
    (area,) = list(sheet.merged_cells.ranges)
    sheet.unmerge_cells(str(area))
    first = sheet.cell(area.min_row, area.min_col)
    for line in range(area.min_row + 1, area.max_row + 1):
        formula = first.value.replace(str(area.min_row), str(line), 1)
        sheet.cell(line, area.min_col).value = formula
    book.save(to)


def save_in_office(path: Path, kind: str, directory: Path) -> Path:
    """What LibreOffice makes of the file: it computes the formulas and saves it."""
    directory.mkdir(exist_ok=True)
    profile = f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"
    command = [str(OFFICE), profile, "--headless", "--convert-to", kind]
    subprocess.run(
        [*command, "--outdir", str(directory), str(path)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return directory / f"{path.stem}.{kind}"


def raised(rate: str | None) -> Decimal:
    return (Decimal(rate or 0) * Decimal("1.05")).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_rates_that_were_raised_in_a_spreadsheet_program_are_applied_and_taken_back(
    stack: Stack, revio: Revio, tmp_path: Path
) -> None:
    me, before = Person(stack, revio), stack.sandbox.products()
    customers = sorted({int(product["Customer_ID"] or 0) for product in before.values()})
    (tmp_path / "customers.csv").write_text("\n".join(["customer_id", *map(str, customers)]))
    exported = me.types("export", "--customers", "customers.csv", "-o", "now.xlsx")
    assert exported["rows"] > PRODUCTS

    edit(tmp_path / "now.xlsx", tmp_path / "june.xlsx")
    saved = save_in_office(tmp_path / "june.xlsx", "xlsx", tmp_path / "saved")
    refused = me.says("plan", str(saved), "-o", "june.plan", code=1)
    assert "3 rows are hidden" in refused
    assert "merged cells" in refused

    unmerge(tmp_path / "june.xlsx", tmp_path / "mended.xlsx")
    planned = []
    for kind in ("xlsx", "ods", "xls"):
        saved = save_in_office(tmp_path / "mended.xlsx", kind, tmp_path / "saved")
        arguments = ["--hidden-rows", "plan", "-o", f"{kind}.plan"]
        planned.append(me.types("plan", str(saved), *arguments, code=2))
    assert [one["rows"] for one in planned] == [planned[0]["rows"]] * 3

    run = planned[0]["run"]
    me.types("approve", "xlsx.plan", "--reason", "agreed", "--by", "bob")
    me.types("apply", "xlsx.plan", "--halt-errors", "20")
    assert me.wait(run, lambda seen: seen["ended"])["status"] == "done"
    me.types("report", run, "-o", "out")
    listed = ids_of(tmp_path / "saved" / "mended.xlsx")
    denied = {one for one in listed if before[one]["Status"] == "DENIED"}
    changed = ids_of(tmp_path / "out" / "succeeded.xlsx")
    assert len(listed) == PRODUCTS
    assert changed == listed - denied
    for one, product in stack.sandbox.products().items():
        old = before[one]["Rate"]
        wanted = raised(old) if one in changed else Decimal(old or 0)
        assert Decimal(product["Rate"] or 0) == wanted, one

    undo = me.types("undo", run, "-o", "undo.plan", "--reason", "wrong month", code=2)
    me.types("approve", "undo.plan", "--reason", "back", "--by", "bob")
    me.types("apply", "undo.plan")
    assert me.wait(undo["run"], lambda seen: seen["ended"])["status"] == "done"
    after = stack.sandbox.products()
    assert all(
        Decimal(after[one]["Rate"] or 0) == Decimal(before[one]["Rate"] or 0) for one in after
    )


def ids_of(path: Path) -> set[int]:
    sheet: Any = openpyxl.load_workbook(path).active
    return {int(row[0]) for row in sheet.iter_rows(min_row=2, values_only=True)}
