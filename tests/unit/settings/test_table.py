from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from settings import AccountSettings, Settings
from settings.table import markdown, rows

ROOT = Path(__file__).parents[3]


def test_every_setting_has_a_row_that_says_what_it_means() -> None:
    table = list(rows())
    expected = len(Settings.model_fields) - 1 + len(AccountSettings.model_fields) + 1
    assert len({row.name for row in table}) == expected
    assert all(row.meaning.endswith(".") for row in table)


def test_a_duration_names_its_unit() -> None:
    for row in rows():
        if row.name.endswith("_S"):
            assert row.meaning.startswith("Seconds")


def test_the_module_prints_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "settings"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == markdown()
