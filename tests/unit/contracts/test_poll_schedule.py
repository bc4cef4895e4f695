from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.poll_schedule import PollSchedule


@given(st.integers(0, 4000), st.data())
def test_everybody_is_looked_at_soon_and_no_look_is_a_large_one(
    count: int, data: st.DataObject
) -> None:
    schedule = PollSchedule(range(count))
    unseen = set(range(count))
    for _ in range(2 + count // 500):
        chosen = schedule.next_poll()
        assert len(chosen) == len(set(chosen)) <= 1000
        assert chosen[:500] == list(schedule)[:500]
        unseen.difference_update(chosen)
        gone = chosen[: data.draw(st.integers(0, min(len(chosen), 20)))]
        schedule.remove(gone)
        unseen.difference_update(gone)
    assert not unseen
    assert len(schedule) == len(list(schedule))


def test_rests_grow_while_nothing_ends_and_are_short_again_when_something_does() -> None:
    schedule = PollSchedule([1, 2])
    rests = []
    for _ in range(40):
        schedule.remove([])
        rests.append(schedule.pause_s(0.0))
    assert rests == sorted(rests)
    assert rests[-1] == 0.25
    schedule.remove([1])
    assert schedule.pause_s(0.0) == 0.01
    schedule.remove([])
    schedule.add(3)
    assert schedule.pause_s(0.0) == 0.01


def test_looking_takes_a_sixth_of_the_time_at_most() -> None:
    schedule = PollSchedule([1])
    assert schedule.pause_s(0.02) == 0.1
