"""Rounding that `revio campaign plan` is told is done, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from campaigns import CampaignError, Rounding
from cli.campaign.planning import rules_of
from cli.campaign.session import CampaignSession

SESSION = cast(
    "CampaignSession",
    SimpleNamespace(campaigns=SimpleNamespace(terms=SimpleNamespace(rounding=Rounding()))),
)


@pytest.mark.parametrize(
    ("sets", "rounding", "charm", "told"),
    [
        ([], None, "0.99", "--charm is for computed rates, and no --set computes any"),
        (["quantity=2"], ("0.05", "up"), None, "--round is for computed rates"),
        (["rate=rate*2"], ("0.05", "up"), "0.99", "--round and --charm are two ways"),
        (["rate=rate*2"], None, "4,99", "4,99: a comma separates endings; write decimals with a"),
        (["rate=rate*2"], None, "", "'' is not an amount"),
    ],
)
def test_rounding_that_would_not_be_done_is_refused(
    sets: list[str], rounding: tuple[str, str] | None, charm: str | None, told: str
) -> None:
    with pytest.raises(CampaignError, match=told):
        rules_of(SESSION, None, sets, rounding, charm)


def test_an_empty_condition_is_not_none() -> None:
    """As a script gives it whose variable is not set: every product would be meant."""
    with pytest.raises(CampaignError, match="the end was not expected"):
        rules_of(SESSION, "", ["rate=rate*2"], None, None)


@pytest.mark.parametrize("charm", ["5,9", "4, 99", "4.99,9.99", "0.99"])
def test_endings_that_are_certain_are_taken(charm: str) -> None:
    rounding = rules_of(SESSION, None, ["rate=rate*2"], None, charm).rounding
    assert list(map(str, rounding.endings)) == [part.strip() for part in charm.split(",")]


def test_rounding_that_is_not_given_is_as_in_the_settings() -> None:
    assert rules_of(SESSION, None, [], None, None).rounding == Rounding()
    charm = rules_of(SESSION, None, ["rate=rate*2"], None, "4.99, 9.99").rounding
    assert charm == Rounding.parse("0.01", "half-up", ("4.99", "9.99"))
