"""The index that finds a product which a file names twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.source.first_lines import FirstLines

IDS = st.integers(1, 2**31 - 1)


@given(
    st.lists(st.one_of(IDS, st.integers(1, 50)), max_size=300),
    st.integers(1, 1000),
    st.sampled_from([1, 7, 1 << 10, 1 << 20]),
)
def test_each_id_is_remembered_with_the_line_that_named_it_first(
    ids: list[int], start: int, step: int
) -> None:
    lines, first = FirstLines(), dict[int, int]()
    series = [start + step * at for at in range(1500)]
    for line, product_id in enumerate([*ids, *series, *ids], start=2):
        assert lines.note(product_id, line) == first.setdefault(product_id, line)
