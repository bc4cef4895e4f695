"""What failed for good is kept to be looked at, the same in memory and in Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from revio_jobs import errors
from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.reservation_outcome import New
from tasks.ports import Claimed, Lease, LeaseLost
from worker.ledger import DeadLetter, Failure, LedgerTimes
from worker.ledger.retention import HISTORY_KEPT, SHOWN_CHARACTERS

TIMES = LedgerTimes(
    lease_s=45.0, quiet_s=10.0, result_retention_s=3600, key_retention_s=7200, dead_retention_s=600
)
NOTHING: frozenset[str] = frozenset()
REJECTED = errors.Rejected("E1", "no")


@dataclass
class Place:
    bench: Any
    job: UpdateJob = UpdateJob(id=1, rate="1", idempotency_key="k")  # noqa: RUF009 - frozen

    def claim(self, job_id: str = "a") -> Any:
        return self.bench.ledger.claim(self.job, job_id, Lane.BULK)

    def claimed(self, job_id: str = "a") -> Claimed:
        claim = self.claim(job_id)
        assert isinstance(claim, Claimed), claim
        return claim

    def settle(self, lease: Lease, outcome: dict[str, Any], how: str) -> None:
        self.bench.ledger.settle(lease, outcome, how, NOTHING)

    def fail(self, job_id: str = "a", error: errors.RevioError = REJECTED) -> None:
        told = {"type": type(error).__name__, "args": list(error.args)}
        self.settle(self.claimed(job_id).lease, {"error": told}, told["type"])

    def letters(self) -> list[DeadLetter]:
        return list(self.bench.dead_letters("default"))


@pytest.fixture
def place(ledger_bench: Callable[..., Any]) -> Place:
    return Place(ledger_bench(TIMES))


def test_a_job_that_failed_is_kept_with_all_that_is_known_of_it(place: Place) -> None:
    accepted_at = place.bench.clock()
    first = place.claimed()
    place.bench.advance(1)
    place.bench.ledger.delay(first.lease, 5, unknown=False, why="Unavailable: no answer")
    place.bench.advance(5)
    place.fail()
    [letter] = place.letters()
    assert letter == DeadLetter(
        account="default",
        job_id="a",
        payload={"account": "default", "id": 1, "rate": "1", "idempotency_key": "k"},
        lane=Lane.BULK,
        sequence=1,
        accepted_at=accepted_at,
        failed_at=accepted_at + 6,
        attempts=2,
        error=letter.error,
        history=(Failure(accepted_at + 1, "Unavailable: no answer"),),
    )
    assert (repr(letter.error), letter.product_id, letter.key) == (repr(REJECTED), 1, "k")


@pytest.mark.parametrize(
    ("outcome", "how"),
    [
        ({"ok": {"outcome": "applied"}}, "applied"),
        ({"ok": {"outcome": "drifted"}}, "drifted"),
        ({"error": {"type": "Withdrawn", "args": ["paused"]}}, "Withdrawn"),
    ],
)
def test_what_did_not_fail_leaves_none(place: Place, outcome: dict[str, Any], how: str) -> None:
    place.settle(place.claimed().lease, outcome, how)
    assert place.letters() == []


def test_the_same_failure_told_twice_is_attempt(place: Place) -> None:
    lease = place.claimed().lease
    outcome = {"error": {"type": "Unavailable", "args": ["no"]}}
    place.settle(lease, outcome, "Unavailable")
    place.settle(lease, outcome, "Unavailable")
    assert len(place.letters()) == 1


def test_the_history_is_bounded_in_length_and_in_words(place: Place) -> None:
    for number in range(HISTORY_KEPT + 3):
        place.bench.ledger.delay(place.claimed().lease, 0, unknown=False, why=f"{number} " * 500)
    place.fail()
    [letter] = place.letters()
    assert [attempt.says.split()[0] for attempt in letter.history] == [
        str(number) for number in range(3, HISTORY_KEPT + 3)
    ]
    assert {len(attempt.says) for attempt in letter.history} == {SHOWN_CHARACTERS}


def test_the_newest_come_first_and_the_old_are_forgotten(place: Place) -> None:
    for name in ("a", "b", "c"):
        place.fail(name)
        place.bench.advance(250)
    assert [letter.job_id for letter in place.letters()] == ["c", "b"]


def test_workers_that_die_of_a_job_are_counted_until_one_does_not(place: Place) -> None:
    counted = []
    for _ in range(3):
        counted.append(place.claimed().crashes)
        place.bench.advance(45)
    living = place.claimed()
    counted.append(living.crashes)
    place.bench.ledger.delay(living.lease, 0, unknown=False)
    counted.append((again := place.claimed()).crashes)
    place.bench.ledger.requeue(again.lease, unknown=False)
    counted.append(place.claimed().crashes)
    assert counted == [0, 1, 2, 3, 0, 0]


def test_who_stood_aside_for_another_job_has_lost_the_job(place: Place) -> None:
    place.bench.ledger.delay(place.claimed("a").lease, 1, unknown=False)
    dead = place.claimed("b")
    place.bench.advance(45)
    place.claimed("a")
    assert not isinstance(place.claim("b"), Claimed)
    with pytest.raises(LeaseLost):
        place.settle(dead.lease, {"ok": {}}, "applied")


def test_a_job_that_was_never_accepted_is_kept_and_its_key_stays_free(place: Place) -> None:
    told = {"error": {"type": "InvalidJob", "args": [["account: 'default' is not configured"]]}}
    place.bench.ledger.bury(place.job, "raw", Lane.BULK, told, "InvalidJob")
    [letter] = place.letters()
    assert (letter.job_id, letter.sequence, letter.attempts) == ("raw", None, 0)
    assert (letter.failed_at, letter.key) == (place.bench.clock(), "k")
    assert type(letter.error) is errors.InvalidJob
    assert place.bench.reserve(place.job, "raw", Lane.BULK) == New()
    place.bench.advance(600)
    assert place.letters() == []


def test_a_job_that_the_ledger_knows_is_not_buried(place: Place) -> None:
    place.bench.reserve(place.job, "a", Lane.BULK)
    place.bench.ledger.bury(place.job, "a", Lane.BULK, {"error": {}}, "InvalidJob")
    assert place.letters() == []
