"""What a planning process leaves in the record of its plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaigns import Rounding
from campaigns.terms import Terms
from console.pages.plan_faults import plan_faults
from console.plans.planning import problem_file, rounding_of
from console.plans.record import Record, Wanted
from tests.unit.campaigns.xlsb import write_xlsb

CSV = b"id,rate\n5001,20.48\n"


@pytest.mark.parametrize(
    ("source", "content", "problems"),
    [
        ("june.csv", CSV, "problems.csv"),
        ("june.tsv", CSV, "problems.tsv"),
        ("logo.xlsx", b"\x89PNG\r\n\x1a\n", None),
        ("gone.csv", None, None),
    ],
)
def test_faulty_rows_come_back_in_the_form_of_the_upload(
    tmp_path: Path, source: str, content: bytes | None, problems: str | None
) -> None:
    record = record_of(tmp_path, source)
    if content is not None:
        record.file(source).write_bytes(content)
    path = problem_file(record)
    assert (path.name if path else None) == problems


def test_of_a_workbook_of_any_kind_a_workbook_that_can_be_opened_comes_back(
    tmp_path: Path,
) -> None:
    record = record_of(tmp_path, "june.xlsb")
    write_xlsb(record.file("june.xlsb"), {"Prices": [["id", "rate"]]})
    assert problem_file(record) == record.file("problems.xlsx")


@pytest.mark.parametrize(
    ("fields", "rounding"),
    [
        ({}, None),
        ({"round_mode": "half-up"}, None),
        ({"round_mode": "up"}, ("0.01", "up")),
        ({"round_step": "0.05"}, ("0.05", "half-up")),
        ({"round_step": "0.05", "round_mode": "down"}, ("0.05", "down")),
    ],
)
def test_what_a_form_leaves_open_of_rounding_is_as_in_the_settings(
    fields: dict[str, str], rounding: tuple[str, str] | None
) -> None:
    assert rounding_of(fields, Rounding()) == rounding


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"customers": ["1", "004"]}, {"customers": "“004” is not an ID of Rev.io"}),
        ({"charm": "4,99"}, {"charm": "a comma separates endings"}),
        (
            {"rails": ["cap=block:10.000"]},
            {"rails": "could be 10000 or 10; write it as one of these"},
        ),
        ({"where": "code1 = Code2"}, {"where": "the field is written code2"}),
        ({"customers": ["1004"], "charm": "4.99,9.99", "where": "code1 != NULL"}, {}),
    ],
)
def test_a_form_names_the_field_that_could_be_meant_otherwise(
    fields: dict[str, Any], says: dict[str, str]
) -> None:
    faults = plan_faults(fields, Terms("default", "v"), 0.0)
    assert faults.keys() == says.keys()
    assert all(words in faults[name] for name, words in says.items())


def record_of(directory: Path, source: str) -> Record:
    record = Record(directory)
    record.ask(Wanted("p", "default", "june", "ann", 0.0, source=source))
    return record
