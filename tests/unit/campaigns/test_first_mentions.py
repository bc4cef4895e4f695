"""The index that finds a product which a file names twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.source.first_mentions import FirstMentions, Mention

IDS = st.integers(1, 2**31 - 1)


@given(
    st.lists(st.tuples(st.one_of(IDS, st.integers(1, 50)), st.integers()), max_size=300),
    st.integers(1, 1000),
    st.sampled_from([1, 7, 1 << 10, 1 << 20]),
)
def test_each_id_is_remembered_with_its_first_wish(
    rows: list[tuple[int, int]], start: int, step: int
) -> None:
    mentions, wishes = FirstMentions(), dict[int, int]()
    series = [(start + step * at, at) for at in range(1500)]
    for product_id, wish in [*rows, *series, *rows]:
        mention = mentions.note(product_id, wish)
        assert (mention is Mention.FIRST) is (product_id not in wishes)
        is_same = wishes.setdefault(product_id, wish) % 2**64 == wish % 2**64
        assert (mention is Mention.CONFLICTING) is not is_same
