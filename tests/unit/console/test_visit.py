"""What a form says is taken as it was meant."""

from __future__ import annotations

from typing import Any, cast

import pytest
from starlette.datastructures import FormData, QueryParams

from console.visit import Refused, Visit


def visit_with(**form: str) -> Visit:
    return Visit(
        console=cast("Any", None),
        path="/",
        params={},
        query=QueryParams(),
        form=FormData(form),
        identity=None,
        session=None,
        cookies={},
        address="",
    )


def test_a_box_is_checked_or_it_is_not() -> None:
    visit = visit_with(even_unknown=" yes ", at_once="")
    boxes = [visit.is_checked(name) for name in ("even_unknown", "at_once", "even_replaced")]
    assert boxes == [True, False, False]


@pytest.mark.parametrize("text", ["no", "false", "0", "on"])
def test_a_word_that_no_box_sends_does_not_count_as_yes(text: str) -> None:
    with pytest.raises(Refused, match="neither yes nor left out"):
        visit_with(even_unknown=text).is_checked("even_unknown")
