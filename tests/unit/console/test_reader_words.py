"""The reader's questions, on a page, name the form's fields instead of options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import campaigns.source
from campaigns import Rules
from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.source.options import ReadOptions
from console.plans.reader_words import FIELDS, in_form_words

TEMPLATES = Path(__file__).parents[3] / "console" / "templates"


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("id,New rate\n5001,12.50\n", "New rate"),
        ("id,rate,Status\n5001,12.50,rejected\n", "Status"),
        ("id,rate,Mobile\n5001,12.50,13.75\n", "Mobile"),
        ('id,rate,"""Mobile"""\n5001,12.50,13.75\n', '"Mobile"'),
    ],
)
def test_a_question_of_the_reader_points_at_the_form(
    tmp_path: Path, content: str, column: str
) -> None:
    source = tmp_path / "june.csv"
    source.write_text(content, encoding="utf-8")
    with (
        pytest.raises(InputError, match="--map") as refused,
        open_price_list(source, ReadOptions(), Rules()),
    ):
        pytest.fail("a column was silently not used")
    question = in_form_words(str(refused.value))
    assert question.startswith(f"june.csv: column {column!r} ")
    assert question.endswith(": say below what it is, or that it is nothing")


def test_every_option_that_the_reader_names_is_a_field_of_the_form() -> None:
    modules = Path(campaigns.source.__file__).parent.glob("*.py")
    text = "\n".join(module.read_text(encoding="utf-8") for module in modules)
    options = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", text))
    assert len(options) > 5
    assert not options - FIELDS.keys()


def test_each_field_that_is_named_has_that_label() -> None:
    names = ("plan_fields.html.j2", "plan_problems.html.j2")
    form = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
    assert not [label for label in FIELDS.values() if f">{label}<" not in form]
