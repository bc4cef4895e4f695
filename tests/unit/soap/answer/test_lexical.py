from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts.product_fields import FieldKind
from worker.soap.answer.lexical import (
    READERS,
    read_boolean,
    read_date,
    read_decimal,
    read_integer,
)

SPACES = st.text(" \t\r\n", max_size=3)
OFFSETS = st.sampled_from(["", "Z", "+05:30", "-08:00"])


@given(st.integers(-(10**17), 10**17), SPACES)
def test_an_integer_is_read_as_it_is(number: int, space: str) -> None:
    assert read_integer(f"{space}{number}{space}") == number


@given(st.decimals(-(10**15), 10**15, places=4), SPACES)
def test_a_decimal_stays_exact_and_plain(number: Decimal, space: str) -> None:
    text = read_decimal(f"{space}{number:f}{space}")

    assert Decimal(text) == number
    assert text == (f"{number:f}" if number else "0.0000")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("+1.5", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007.50", "7.50"),
        ("-0.00", "0.00"),
        ("4.5E-05", "0.000045"),
        ("1e5", "100000"),
        ("-2.50e+1", "-25.0"),
        ("0E-10", "0.0000000000"),
    ],
)
def test_every_form_of_a_decimal_becomes_the_plain_one(text: str, plain: str) -> None:
    assert read_decimal(text) == plain


@given(st.dates(date(1, 1, 2)), st.times(), OFFSETS)
def test_a_date_is_its_date_part_as_written(day: date, at: time, offset: str) -> None:
    assert read_date(f"{day.isoformat()}{offset}") == day.isoformat()
    assert read_date(f"{datetime.combine(day, at).isoformat()}{offset}") == day.isoformat()
    assert read_date(datetime.combine(day, at).isoformat(" ")) == day.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "0000-00-00",
        "0000-00-00 00:00:00",
    ],
)
def test_what_stands_for_no_date_is_none(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("1", True),
        ("false", False),
        (" 0\n", False),
        ("True", True),
        ("FALSE", False),
    ],
)
def test_a_boolean_is_read(text: str, value: object) -> None:
    assert read_boolean(text) is value


def test_what_is_not_a_date_is_told() -> None:
    with pytest.raises(ValueError, match="2026-13-45, which is not a date"):
        read_date("2026-13-45")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((read_integer, text) for text in ("", "1x", "1_000", "١٢", "1.5", "1" * 19, "NaN")),
        *(
            (read_decimal, text)
            for text in ("", "1e29", "1e-29", "1e", "1e999", "1,5", "NaN", "INF", "1 2", ".")
        ),
        *((read_boolean, text) for text in ("", "tRUE", "yes", "2", "-1")),
        *(
            (read_date, text)
            for text in ("", "2026-13-45", "31.01.2026", "2026-01-31T24:00:00", "x")
        ),
    ],
)
def test_anything_else_is_refused(read: object, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
        read(text)  # type: ignore[operator]


@pytest.mark.parametrize("kind", [kind for kind in FieldKind if kind is not FieldKind.TEXT])
def test_an_element_without_content_has_no_value(kind: FieldKind) -> None:
    assert READERS[kind]("") is None
    assert READERS[kind](" \n") is None


def test_an_empty_text_is_not_the_absence_of_one() -> None:
    assert READERS[FieldKind.TEXT]("") == ""
