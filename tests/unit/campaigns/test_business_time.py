"""Local times are read as they are meant, and where clocks change nothing is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.business_time import BusinessTime
from campaigns.errors import InputError

NEW_YORK = BusinessTime("America/New_York")


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-01T22:00", "2026-06-02T02:00"),
        ("2026-06-01 22:00", "2026-06-02T02:00"),
        ("2026-01-01", "2026-01-01T05:00"),
        ("2026-06-01T22:00+02:00", "2026-06-01T20:00"),
        ("2026-11-01T01:30-05:00", "2026-11-01T06:30"),
    ],
)
def test_a_time_without_an_offset_is_the_businesss(text: str, at: str) -> None:
    assert NEW_YORK.read(text) == utc(at)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("soon", "'soon' is not a time such as"),
        ("2027-03-14T02:30", r"does not exist in America/New_York.*give 2027-03-14T03:30"),
        ("2026-11-01T01:30", r"comes twice.*2026-11-01T01:30-04:00 or 2026-11-01T01:30-05:00"),
    ],
)
def test_a_time_that_is_in_doubt_is_refused_with_the_way_out(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        NEW_YORK.read(text)


@pytest.mark.parametrize(
    ("time", "at", "shown"),
    [
        (NEW_YORK, "2026-06-02T02:00", "2026-06-01 22:00 EDT (2026-06-02 02:00 UTC)"),
        (NEW_YORK, "2026-01-02T12:05", "2026-01-02 07:05 EST (12:05 UTC)"),
        (BusinessTime(), "2026-01-02T12:05", "2026-01-02 12:05 UTC"),
        (BusinessTime("Europe/London"), "2026-01-02T12:05", "2026-01-02 12:05 UTC"),
    ],
)
def test_times_are_shown_in_the_businesss_zone_with_utc(
    time: BusinessTime, at: str, shown: str
) -> None:
    assert time.show(utc(at)) == shown


def test_a_day_begins_at_its_first_moment_even_where_midnight_is_skipped() -> None:
    assert NEW_YORK.day_begins(date(2026, 6, 1)) == utc("2026-06-01T04:00")
    # On 4 November 2018 clocks in São Paulo went from 00:00 to 01:00.
    sao_paulo = BusinessTime("America/Sao_Paulo")
    begins = sao_paulo.day_begins(date(2018, 11, 4))
    assert begins == utc("2018-11-04T03:00")
    assert sao_paulo.day_of(begins) == date(2018, 11, 4)
    assert sao_paulo.day_of(begins - 1) == date(2018, 11, 3)


@given(
    st.integers(1_700_000_000 // 60, 1_900_000_000 // 60), st.sampled_from(["UTC", "Asia/Tokyo"])
)
def test_what_is_shown_means_the_same_when_it_is_read(minute: int, zone: str) -> None:
    time = BusinessTime(zone)
    assert time.read(time.show(minute * 60)[:16]) == minute * 60
