"""How the texts of campaigns' options are read."""

from __future__ import annotations

import pytest
import typer

from campaigns.business_time import BusinessTime
from campaigns.errors import CampaignError, InputError
from campaigns.run.request import AT_ONCE
from cli.campaign.options import day, pairs, sending_hours, start_time
from cli.campaign.planning import mapping_of, rails_of


def test_a_start_is_a_time_or_now() -> None:
    assert start_time(" now ", BusinessTime()) == AT_ONCE
    assert start_time("2026-06-01T22:00", BusinessTime("America/New_York")) == 1_780_365_600


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1970-01-01T00:00Z", "has passed. The start `now` begins at once"),
        ("9999-12-31T23:59-12:00", "beyond the calendar"),
        ("0001-01-01T00:00+14:00", "beyond the calendar"),
        ("soon", "is not a time"),
    ],
)
def test_a_start_that_cannot_be_meant_is_refused(zone: str, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        start_time(text, BusinessTime(zone))


def test_an_empty_day_or_window_is_not_none() -> None:
    """As a script gives it whose variable is not set: the run would begin at once, or by day."""
    assert (day("--effective", None), sending_hours(None, "UTC")) == (None, None)
    with pytest.raises(typer.BadParameter, match="'' is not a date"):
        day("--effective", "")
    with pytest.raises(CampaignError, match="'' is not a window"):
        sending_hours("", "UTC")


def test_a_limit_of_a_rail_that_could_be_two_numbers_is_refused() -> None:
    assert str(rails_of(["cap=block:10000.5"]).guards[0]) == "cap=block:10000.5"
    with pytest.raises(CampaignError, match=r"cap=block:10\.000: could be 10000 or 10; write"):
        rails_of(["cap=block:10.000"])


def test_a_name_is_given_once() -> None:
    assert pairs("--x", ["rate=1", " priority = high "]) == {"rate": "1", "priority": "high"}
    with pytest.raises(typer.BadParameter, match="rate is given twice"):
        pairs("--x", ["rate=1", "rate = 2"])


def test_a_column_is_mapped_once() -> None:
    assert mapping_of(["a=b=rate", " Old = expected:rate"]) == {
        "a=b": "rate",
        "Old": "expected:rate",
    }
    with pytest.raises(CampaignError, match="--map Rate is given twice, as rate and expected:rate"):
        mapping_of(["Rate=rate", " Rate =expected:rate"])
