"""How pages write durations and shares."""

from __future__ import annotations

import pytest

from console.templating import duration, share


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (0.4, "less than a second"),
        (12.3, "12 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3 * 3600 + 25 * 60 + 59, "3 h 25 min"),
        (3600 + 5, "1 h"),
        (7 * 86_400, "7 d"),
        (float("inf"), "for ever"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("part", "words"), [(0, "0.0 %"), (0.00002, "less than 0.1 %"), (0.25, "25.0 %")]
)
def test_a_small_share_is_not_shown_as_none(part: float, words: str) -> None:
    assert share(part) == words
