"""What columns probably are is a proposal."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.source.options import ReadOptions
from console.plans.column_look import known_field, proposals, sampled_columns


@pytest.mark.parametrize(
    ("titles", "proposed"),
    [
        (
            ("Product ID", "Customer", "Old rate", "New rate (USD)"),
            {"Product ID": "id", "Old rate": "expected:rate", "New rate (USD)": "rate"},
        ),
        (("id", "Product ID", "rate"), {}),
        (("id", "Price", "New price"), {}),
        (("id", "Discount", "Rate type"), {}),
    ],
)
def test_only_what_one_title_alone_suggests_is_proposed(
    titles: tuple[str, ...], proposed: dict[str, str]
) -> None:
    assert proposals(titles) == proposed


def test_what_the_reader_knows_needs_no_proposal() -> None:
    assert [known_field(title) for title in ("ID", "code_1", "Rate", "Customer")] == [
        "id",
        "code1",
        "rate",
        "",
    ]


def test_the_first_values_of_each_column_are_shown(tmp_path: Path) -> None:
    source = tmp_path / "june.csv"
    source.write_text(f"id,rate,note\n1,,\n2,12.50,{'x' * 99}\n3,13,\n4,14,\n5,15,\n")
    samples = sampled_columns(source, ReadOptions())
    assert samples["id"] == ("1", "2", "3")
    assert samples["rate"] == ("12.50", "13", "14")
    assert samples["note"] == (f"{'x' * 40}…",)
