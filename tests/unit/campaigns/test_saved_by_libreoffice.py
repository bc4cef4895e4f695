"""A table of every kind of cell, saved by LibreOffice in each of its forms, is read the same."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cells import ParsedRow
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from tests.patience import PATIENCE_S

OFFICE = shutil.which("soffice")
FORMATS = [
    *("General", "0", "0.00", "#,##0.00", '"$"#,##0.00', "0.00;[Red]0.00", "#,##0,", "0%", "@"),
    *("0.00E+00", "d-mmm", '"free"', '0"."00', '0.00"/mo"', '"-"0.00', "(0.00)"),
]
ROWS = 300
SEED = 20270301

pytestmark = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed here")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One table, by the ending of its file."""
    directory = tmp_path_factory.mktemp("forms")
    book, chance = openpyxl.Workbook(), random.Random(SEED)
    sheet: Any = book.active
    sheet.append(["id", "rate", "disconnect_date", "code1"])
    for line in range(2, ROWS + 2):
        amount = round(chance.uniform(-2000, 2000), chance.choice([0, 1, 2, 3, 4]))
        code = chance.choice(["00123", "A-1", "12E4", 123, "x\ny", "é", None])
        sheet.append([5000 + line, amount, date(2027, 3, chance.randint(1, 28)), code])
        sheet.cell(line, 2).number_format = chance.choice(FORMATS)
        sheet.cell(line, 3).number_format = chance.choice(["yyyy-mm-dd", "d/m/yy", "mmm-yy"])
        sheet.row_dimensions[line].hidden = chance.random() < 0.2
    book.save(directory / "in.xlsx")
    profile = f"-env:UserInstallation={(directory / 'profile').as_uri()}"
    for kind in ("ods", "xls"):
        command = [str(OFFICE), profile, "--headless", "--convert-to", kind]
        subprocess.run(
            [*command, "--outdir", str(directory), str(directory / "in.xlsx")],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
    return {kind: directory / f"in.{kind}" for kind in ("xlsx", "ods", "xls")}


def wishes(path: Path, **options: Any) -> dict[int, Any]:
    """What each row asks for, by line; None: it is a problem."""
    with open_price_list(path, ReadOptions(**options), Rules()) as prices:
        return {
            row.line: outcome.changes if isinstance(outcome, ParsedRow) else None
            for row, outcome in prices.rows()
        }


@pytest.mark.parametrize("rates", [None, Rates.SHOWN, Rates.STORED])
@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_a_saved_table_asks_for_the_same_or_less(
    forms: Mapping[str, Path], kind: str, rates: Rates | None
) -> None:
    options = {"hidden_rows": HiddenRows.SKIP, "rates": rates}
    saved, original = wishes(forms[kind], **options), wishes(forms["xlsx"], **options)
    assert saved.keys() == original.keys()
    asking = {line: wish for line, wish in saved.items() if wish is not None}
    assert asking == {line: original[line] for line in asking}
    # An ODS does not say by what factor a number is shown, so some of it remains a problem.
    certain = sum(wish is not None for wish in original.values())
    assert len(asking) > certain * Decimal("0.6")


@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_the_hidden_rows_of_a_saved_table_are_seen(forms: Mapping[str, Path], kind: str) -> None:
    with pytest.raises(InputError) as xlsx:
        wishes(forms["xlsx"])
    with pytest.raises(InputError) as saved:
        wishes(forms[kind])
    assert str(saved.value) == str(xlsx.value).replace("in.xlsx", f"in.{kind}")
