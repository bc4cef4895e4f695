"""When a job that shows no result is searched for, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.errors import Forgotten, ResultExpired
from revio_jobs.existence_probe import ExistenceProbe

GONE = Forgotten("job")


@given(st.lists(st.booleans(), max_size=40))
def test_a_job_is_given_up_when_it_was_missed_twice_running(missed: list[bool]) -> None:
    probe, now, before = ExistenceProbe(30.0), 30.0, False
    for is_missing in missed:
        assert probe.is_over(now, GONE if is_missing else None) == (is_missing and before)
        pause = 2.0 if is_missing else 600.0
        assert not probe.is_due(now + 1.9)
        assert probe.is_due(now + pause)
        now, before = now + pause, is_missing


def test_two_callers_that_miss_a_job_at_once_have_missed_it_once() -> None:
    probe = ExistenceProbe(30.0)
    assert not probe.is_over(30.0, GONE)
    assert not probe.is_over(30.1, GONE)
    assert probe.is_over(32.1, GONE)


def test_a_job_that_is_there_is_searched_for_ever_more_seldom() -> None:
    probe, now, times = ExistenceProbe(30.0), 0.0, []
    while now < 3600:
        now += 1
        if probe.is_due(now):
            times.append(now)
            assert not probe.is_over(now, None)
    assert times == [30, 60, 120, 240, 480, 960, 1560, 2160, 2760, 3360]


def test_what_the_ledger_says_needs_no_second_look() -> None:
    assert ExistenceProbe(0.0).is_over(0.0, ResultExpired("job", "applied", 1.0))
