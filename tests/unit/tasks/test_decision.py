from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tasks.decision import RetryPolicy

POLICY = RetryPolicy(first_s=1.0, cap_s=300.0, max_attempts=10, deadline_s=3600.0)


@given(st.integers(1, 9), st.integers())
def test_a_delay_lies_within_the_exponential_bound(attempt: int, seed: int) -> None:
    delay = POLICY.delay(attempt, 0.0, random.Random(seed))
    assert delay is not None
    assert 0 <= delay <= min(300.0, 2.0 ** (attempt - 1))


def test_delays_use_the_whole_of_their_bound() -> None:
    chance = random.Random(0)
    delays = [POLICY.delay(5, 0.0, chance) or 0.0 for _ in range(1000)]
    assert min(delays) < 1
    assert max(delays) > 15
    assert 7 < sum(delays) / 1000 < 9


@given(st.integers(10, 10_000), st.integers())
def test_attempts_end(attempt: int, seed: int) -> None:
    assert POLICY.delay(attempt, 0.0, random.Random(seed)) is None


@given(st.integers(1, 9), st.floats(0, 4000), st.integers())
def test_no_attempt_starts_after_the_deadline(attempt: int, age_s: float, seed: int) -> None:
    delay = POLICY.delay(attempt, age_s, random.Random(seed))
    assert delay is None or age_s + delay <= 3600


def test_many_attempts_do_not_overflow() -> None:
    patient = RetryPolicy(max_attempts=10**9, deadline_s=float("inf"))
    assert patient.delay(10**6, 0.0, random.Random(0)) is not None
