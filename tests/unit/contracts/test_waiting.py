from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.waiting import Waiting


@given(st.integers(0, 4000), st.data())
def test_everybody_is_looked_at_soon_and_no_look_is_a_large_one(
    count: int, data: st.DataObject
) -> None:
    waiting = Waiting(range(count))
    unseen = set(range(count))
    for _ in range(2 + count // 500):
        chosen = waiting.next_look()
        assert len(chosen) == len(set(chosen)) <= 1000
        assert chosen[:500] == list(waiting)[:500]
        unseen.difference_update(chosen)
        gone = chosen[: data.draw(st.integers(0, min(len(chosen), 20)))]
        waiting.ended(gone)
        unseen.difference_update(gone)
    assert not unseen
    assert len(waiting) == len(list(waiting))


def test_rests_grow_while_nothing_ends_and_are_short_again_when_something_does() -> None:
    waiting = Waiting([1, 2])
    rests = []
    for _ in range(40):
        waiting.ended([])
        rests.append(waiting.pause_s(0.0))
    assert rests == sorted(rests)
    assert rests[-1] == 0.25
    waiting.ended([1])
    assert waiting.pause_s(0.0) == 0.01
    waiting.ended([])
    waiting.add(3)
    assert waiting.pause_s(0.0) == 0.01


def test_looking_takes_a_sixth_of_the_time_at_most() -> None:
    waiting = Waiting([1])
    assert waiting.pause_s(0.02) == 0.1
