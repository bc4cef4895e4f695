"""A price list is run through once, however often its rows are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from campaigns.source.cells import ParsedRow
from campaigns.source.options import HiddenRows, ReadOptions
from campaigns.source.survey import surveyed
from campaigns.source.table import Form, ReadRow, Table

ROWS = 1200
"""More than are kept together."""


def table(rates: list[str], passes: list[int]) -> Table:
    """A CSV that notes each pass; every seventh row is hidden."""

    @contextmanager
    def rows() -> Iterator[Iterator[ReadRow]]:
        passes.append(1)
        yield (
            ReadRow(line, (str(5000 + line), rate), last_line=line, is_hidden=line % 7 == 0)
            for line, rate in enumerate(rates, start=2)
        )

    form = Form("csv", ("id", "rate"), ";")
    return Table("in.csv", form, 1, {"kind": "CSV"}, rows)


@pytest.mark.parametrize(
    ("rates", "first"),
    [
        ([f"{number}.25" for number in range(1, ROWS)], Decimal("1.25")),
        # The last one proves that the others, read before it, have decimal commas.
        ([*["1,125"] * ROWS, "20,48"], Decimal("1.125")),
    ],
)
def test_a_price_list_is_read_once_whatever_its_last_row_proves(
    rates: list[str], first: Decimal
) -> None:
    passes = list[int]()
    options = ReadOptions(hidden_rows=HiddenRows.SKIP)
    with surveyed(table(rates, passes), options, has_rules=False) as prices:
        once, again = list(prices.rows()), list(prices.rows())
    assert once == again
    assert passes == [1]
    assert len(once) == len(rates) - prices.read_as.rows_hidden
    (_, row), *_ = once
    assert isinstance(row, ParsedRow)
    assert row.changes == {"rate": first}
