"""An account's backlog and the others on the same worker, in virtual time."""

from __future__ import annotations

from simulation.neighbours import BACKLOG, greedy, p99_s


def test_a_backlog_delays_another_account_by_less_than_a_quarter_of_a_second() -> None:
    assert p99_s(backlog=BACKLOG) - p99_s(backlog=0) <= 0.25


def test_without_shares_it_would_wait_until_the_backlog_gets_permits() -> None:
    assert p99_s(backlog=BACKLOG, allowance=greedy) > 1.0
