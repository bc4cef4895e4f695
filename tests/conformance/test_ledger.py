"""The life of an update in the ledger, the same in memory and in Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from revio_jobs.contracts import Lane, UpdateJob, job_id_of
from revio_jobs.reservation_outcome import Attached, Expired, KeyConflict, New, Settled
from tasks.ports import AlreadyEnded, Claimed, Lease, LeaseLost, NotNow
from worker.ledger import LedgerTimes, RedisLedger

TIMES = LedgerTimes(lease_s=45.0, park_s=30.0, result_retention_s=3600, key_retention_s=7200)
APPLIED = {"ok": {"outcome": "applied"}}
NOTHING: frozenset[str] = frozenset()
RATE = frozenset({"rate"})


class Jobs:
    """Submits and claims by key alone: short words for long rows of arguments."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.ledger = bench.ledger
        self._jobs: dict[str, tuple[UpdateJob, str]] = {}

    def submit(self, key: str, *, lane: Lane = Lane.BULK, **fields: Any) -> Any:
        given = {"id": 1, **(fields or {"rate": "1"})}
        job = UpdateJob(idempotency_key=key, **given)
        self._jobs[key] = job, job_id_of(job.account, key)
        return self.bench.reserve(*self._jobs[key], lane)

    def rest(self, key: str) -> None:
        """It has failed once and is to be tried again a second later."""
        self.ledger.delay(self.claimed(key).lease, 1.0, unknown=False)

    def id(self, key: str) -> str:
        return self._jobs[key][1]

    def claim(self, key: str) -> Any:
        return self.ledger.claim(*self._jobs[key], Lane.BULK)

    def claimed(self, key: str) -> Claimed:
        claim = self.claim(key)
        assert isinstance(claim, Claimed), claim
        return claim

    def settle(self, lease: Lease, wrote: frozenset[str] = NOTHING) -> None:
        self.ledger.settle(lease, APPLIED, "applied", wrote)

    def run(self, key: str, wrote: frozenset[str] = NOTHING) -> None:
        self.settle(self.claimed(key).lease, wrote)


@pytest.fixture
def jobs(ledger_bench: Callable[..., Any]) -> Jobs:
    return Jobs(ledger_bench(TIMES))


def assert_fenced(jobs: Jobs, lease: Lease) -> None:
    with pytest.raises(LeaseLost):
        jobs.ledger.intend(lease, RATE)
    with pytest.raises(LeaseLost):
        jobs.ledger.settle(lease, {"ok": {"outcome": "superseded"}}, "superseded", NOTHING)
    with pytest.raises(LeaseLost):
        jobs.ledger.requeue(lease, unknown=False)
    with pytest.raises(LeaseLost):
        jobs.ledger.delay(lease, 1.0, unknown=False)
    with pytest.raises(LeaseLost):
        jobs.ledger.defer(lease, 1.0, unknown=False)


def test_a_new_key_is_accepted_and_the_same_job_again_joins_it(jobs: Jobs) -> None:
    assert jobs.submit("a") == New()
    assert jobs.submit("a") == Attached()
    jobs.claimed("a")
    assert jobs.submit("a", rate="1.00") == Attached()


def test_a_key_is_held_by_its_payload_for_as_long_as_it_is_kept(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.submit("a", rate="2") == KeyConflict()
    jobs.submit("a")
    jobs.run("a")
    assert jobs.submit("a", rate="2") == KeyConflict()
    jobs.bench.advance(6900)
    assert jobs.submit("a", rate="2") == KeyConflict()


def test_an_ended_job_gives_its_outcome_then_the_fact_alone_and_then_is_forgotten(
    jobs: Jobs,
) -> None:
    jobs.submit("a")
    jobs.run("a")
    ended_at = jobs.bench.clock()
    jobs.bench.advance(3300)
    assert jobs.submit("a") == Settled(APPLIED)
    assert jobs.claim("a") == AlreadyEnded(APPLIED, "applied", ended_at)
    jobs.bench.advance(300)
    assert jobs.submit("a") == Expired("applied", ended_at)
    assert jobs.claim("a") == AlreadyEnded(None, "applied", ended_at)
    jobs.bench.advance(3300)
    assert jobs.submit("a") == Expired("applied", ended_at)
    jobs.bench.advance(300)
    assert jobs.submit("a") == New()


def test_a_claim_accepts_a_job_that_came_as_a_raw_message(jobs: Jobs) -> None:
    job = UpdateJob(id=1, rate="1")
    claim = jobs.ledger.claim(job, "raw", Lane.BULK)
    assert (claim.attempt, claim.spent_s) == (1, 0.0)
    assert jobs.bench.reserve(job, "raw", Lane.BULK) == Attached()
    assert jobs.ledger.claim(UpdateJob(id=1, rate="2"), "raw", Lane.BULK) == KeyConflict()


def test_only_one_worker_gets_a_job(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.claimed("a").attempt == 1
    assert isinstance(jobs.claim("a"), NotNow)
    jobs.bench.advance(44.75)
    assert isinstance(jobs.claim("a"), NotNow)


def test_a_claim_of_another_payload_gets_nothing(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.ledger.claim(UpdateJob(id=2, rate="1"), jobs.id("a"), Lane.BULK) == KeyConflict()
    jobs.claimed("a")


def test_a_dead_workers_job_goes_to_another_and_the_dead_is_fenced_off(jobs: Jobs) -> None:
    jobs.submit("a")
    dead = jobs.claimed("a")
    jobs.bench.advance(45)
    living = jobs.claimed("a")
    assert (living.attempt, living.crashes) == (2, 1)
    assert_fenced(jobs, dead.lease)
    jobs.ledger.intend(living.lease, RATE)
    assert_fenced(jobs, dead.lease)
    jobs.settle(living.lease, RATE)
    assert_fenced(jobs, dead.lease)
    assert jobs.submit("a") == Settled(APPLIED)


def test_an_intent_renews_the_lease(jobs: Jobs) -> None:
    jobs.submit("a")
    claim = jobs.claimed("a")
    jobs.bench.advance(44)
    jobs.ledger.intend(claim.lease, RATE)
    jobs.bench.advance(44)
    assert isinstance(jobs.claim("a"), NotNow)
    jobs.settle(claim.lease)


def test_nothing_is_sent_under_a_lease_that_has_ended(jobs: Jobs) -> None:
    jobs.submit("a")
    claim = jobs.claimed("a")
    jobs.bench.advance(45)
    with pytest.raises(LeaseLost):
        jobs.ledger.intend(claim.lease, RATE)


def test_an_outcome_may_be_told_late_while_nobody_else_has_the_job(jobs: Jobs) -> None:
    jobs.submit("a")
    claim = jobs.claimed("a")
    jobs.ledger.intend(claim.lease, RATE)
    jobs.bench.advance(100)
    jobs.settle(claim.lease, RATE)
    assert jobs.submit("a") == Settled(APPLIED)


def test_the_same_outcome_may_be_told_twice_and_no_other(jobs: Jobs) -> None:
    jobs.submit("a")
    lease = jobs.claimed("a").lease
    jobs.settle(lease)
    jobs.settle(lease)
    assert_fenced(jobs, lease)
    assert jobs.submit("a") == Settled(APPLIED)


def test_what_was_sent_is_told_to_the_next_attempt(jobs: Jobs) -> None:
    jobs.submit("a", rate="1", quantity=2)
    claim = jobs.claimed("a")
    assert claim.sent is None
    jobs.ledger.intend(claim.lease, frozenset({"rate", "quantity"}))
    jobs.bench.advance(45)
    assert jobs.claimed("a").sent == frozenset({"rate", "quantity"})


def test_one_job_at_a_time_has_a_product(jobs: Jobs) -> None:
    jobs.submit("a", id=1, rate="1")
    jobs.submit("b", id=1, rate="2")
    jobs.submit("c", id=2, rate="3")
    jobs.submit("d", account="acme", id=1, rate="3")
    first = jobs.claimed("a")
    assert isinstance(jobs.claim("b"), NotNow)
    jobs.claimed("c")
    jobs.claimed("d")
    jobs.settle(first.lease)
    assert jobs.claimed("b").attempt == 1


def test_a_job_whose_worker_died_still_goes_before_later_ones(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.claimed("a")
    jobs.bench.advance(45)
    assert jobs.claim("b") == NotNow("parked")
    jobs.run("a")
    jobs.claimed("b")


def test_jobs_of_a_product_go_in_the_order_of_their_submission(jobs: Jobs) -> None:
    for key in ("a", "b", "c"):
        jobs.submit(key)
    jobs.submit("other product", id=2, rate="1")
    assert jobs.claim("c") == NotNow("parked")
    assert jobs.claim("b") == NotNow("parked")
    jobs.run("other product")
    for key in ("a", "b", "c"):
        jobs.run(key)


def test_a_job_of_the_interactive_lane_passes_those_that_wait_in_bulk(jobs: Jobs) -> None:
    jobs.submit("bulk")
    jobs.submit("now", lane=Lane.INTERACTIVE, id=1, rate="2")
    jobs.run("now", RATE)
    assert jobs.claimed("bulk").newer == {"rate": jobs.id("now")}


def test_nothing_is_learnt_while_the_vendor_may_still_be_executing(
    ledger_bench: Callable[..., Any],
) -> None:
    jobs = Jobs(ledger_bench(replace(TIMES, quiet_s=60.0)))
    jobs.submit("a")
    jobs.ledger.intend(jobs.claimed("a").lease, RATE)
    jobs.bench.advance(59.75)
    assert jobs.claim("a") == NotNow("leased")
    jobs.bench.advance(0.25)
    assert jobs.claimed("a").sent == RATE


@pytest.mark.parametrize("delay_s", [0.0, 90.0])
@pytest.mark.parametrize("step_s", [30.0, 3600.0])
def test_a_clock_of_redis_that_is_set_ahead_makes_nothing_look_executed(
    redis_ledger_bench: Callable[..., Any], clocked_redis: Any, delay_s: float, step_s: float
) -> None:
    jobs = Jobs(redis_ledger_bench(replace(TIMES, quiet_s=60.0)))
    jobs.submit("a")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    if delay_s:
        jobs.ledger.delay(first.lease, delay_s, unknown=True)
    wait_s = delay_s or 60.0
    jobs.bench.advance(5)
    clocked_redis.step(step_s)
    assert jobs.claim("a") == NotNow("leased")
    jobs.bench.advance(wait_s - 5.25)
    assert jobs.claim("a") == NotNow("leased")
    jobs.bench.advance(0.25)
    second = jobs.claimed("a")
    assert (second.sent, second.since_execution_s) == (RATE, wait_s - 60.0)


@pytest.mark.parametrize(("behind_s", "later_s"), [(86_400.0, 60.0), (2.0, 2.0), (-86_400.0, 0.0)])
def test_a_worker_with_another_clock_looks_later_by_the_quiet_time_at_most(
    redis_ledger_bench: Callable[..., Any],
    clocked_redis: Any,
    behind_s: float,
    later_s: float,
) -> None:
    times = replace(TIMES, quiet_s=60.0)
    jobs = Jobs(redis_ledger_bench(times))
    jobs.submit("a")
    jobs.ledger.intend(jobs.claimed("a").lease, RATE)
    jobs.ledger = RedisLedger(
        clocked_redis, times, lambda *_: "", clock=lambda: clocked_redis.monotonic() - behind_s
    )
    jobs.bench.advance(60)
    if later_s:
        assert jobs.claim("a") == NotNow("leased")
        jobs.bench.advance(later_s)
    assert jobs.claimed("a").since_execution_s == 0.0


def test_a_product_stays_with_the_job_of_which_something_may_be_under_way(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.intend(jobs.claimed("a").lease, RATE)
    jobs.bench.advance(1000)
    assert isinstance(jobs.claim("b"), NotNow)
    jobs.settle(jobs.claimed("a").lease, RATE)
    jobs.claimed("b")


def test_a_late_job_hears_which_fields_a_newer_one_has_set(jobs: Jobs) -> None:
    jobs.submit("old", id=1, rate="1", quantity=1, clear=("code1",))
    jobs.submit("new", id=1, rate="2", description="x", clear=("code1",))
    jobs.submit("newest", id=1, rate="3")
    jobs.rest("old")
    jobs.rest("new")
    jobs.run("newest", RATE)
    jobs.bench.advance(1)
    jobs.run("new", frozenset({"description", "code1"}))
    expected = {"rate": jobs.id("newest"), "code1": jobs.id("new")}
    assert jobs.claimed("old").newer == expected


def test_a_newer_job_hears_nothing_of_older_ones(jobs: Jobs) -> None:
    jobs.submit("old")
    jobs.submit("new", id=1, rate="2")
    jobs.run("old", RATE)
    assert jobs.claimed("new").newer == {}


def test_a_late_write_does_not_hide_a_newer_one(jobs: Jobs) -> None:
    for key in ("oldest", "old", "new"):
        jobs.submit(key, id=1, rate="1", code1=key)
    jobs.rest("oldest")
    jobs.rest("old")
    jobs.run("new", RATE)
    jobs.bench.advance(1)
    jobs.run("oldest", RATE)
    assert jobs.claimed("old").newer == {"rate": jobs.id("new")}


def test_a_newer_job_that_wrote_nothing_does_not_win(jobs: Jobs) -> None:
    jobs.submit("old")
    jobs.submit("new", id=1, rate="2")
    jobs.rest("old")
    jobs.run("new", NOTHING)
    jobs.bench.advance(1)
    assert jobs.claimed("old").newer == {}


def rested(jobs: Jobs, given_up: Lease) -> Claimed:
    """Job a, which rests for 10 s, while b, of the same product, may run."""
    assert_fenced(jobs, given_up)
    jobs.run("b")
    jobs.bench.advance(9.75)
    assert isinstance(jobs.claim("a"), NotNow)
    jobs.bench.advance(0.25)
    return jobs.claimed("a")


def test_a_delayed_job_rests_until_it_is_due_and_its_product_is_free(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    jobs.ledger.delay(first.lease, 10.0, unknown=False)
    again = rested(jobs, first.lease)
    assert (again.attempt, again.sent) == (2, None)


def test_a_job_delayed_with_an_unknown_fate_keeps_its_product(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    jobs.ledger.delay(first.lease, 10.0, unknown=True)
    assert_fenced(jobs, first.lease)
    assert isinstance(jobs.claim("b"), NotNow)
    jobs.bench.advance(10)
    assert isinstance(jobs.claim("b"), NotNow)
    assert jobs.claimed("a").sent == RATE


def test_a_deferred_job_rests_as_a_delayed_one_and_has_lost_no_attempt(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.defer((first := jobs.claimed("a")).lease, 10.0, unknown=False)
    again = rested(jobs, first.lease)
    assert (again.attempt, again.sent, again.crashes) == (1, None, 0)


def test_a_job_tells_for_how_long_it_has_only_been_deferred(jobs: Jobs) -> None:
    jobs.submit("a")
    claim = jobs.claimed("a")
    assert claim.deferred_s == 0
    for rounds in (1, 2):
        jobs.ledger.defer(claim.lease, 10.0, unknown=False)
        jobs.bench.advance(7200)  # in a queue, for longer than it was deferred
        claim = jobs.claimed("a")
        assert claim.deferred_s == 10 * rounds
    jobs.ledger.delay(claim.lease, 1.0, unknown=False)
    jobs.bench.advance(1)
    assert jobs.claimed("a").deferred_s == 0


LONG_S = 100_000.0


def wait(jobs: Jobs, where: str) -> None:
    """The job waits for long without an attempt."""
    if where == "parked":
        jobs.submit("first", id=1, rate="9")
        first = jobs.claimed("first")
        jobs.submit("a")
        assert jobs.claim("a") == NotNow("parked")
        jobs.ledger.intend(first.lease, RATE)
        jobs.ledger.delay(first.lease, LONG_S, unknown=True)
        jobs.bench.advance(LONG_S)
        jobs.run("first")
    jobs.submit("a")
    match where:
        case "accepted":
            jobs.bench.advance(LONG_S)
        case "put back":
            for _ in range(3):
                jobs.ledger.requeue(jobs.claimed("a").lease, unknown=False)
                jobs.bench.advance(LONG_S)
        case "deferred":
            jobs.ledger.defer(jobs.claimed("a").lease, 10.0, unknown=False)
            jobs.bench.advance(LONG_S)


@pytest.mark.parametrize("where", ["accepted", "put back", "deferred", "parked"])
def test_waiting_is_not_time_spent_on_a_job(jobs: Jobs, where: str) -> None:
    wait(jobs, where)
    claim = jobs.claimed("a")
    assert (claim.attempt, claim.spent_s) == (1, 0.0)
    jobs.bench.advance(4)
    jobs.ledger.delay(claim.lease, 10.0, unknown=False)
    jobs.bench.advance(LONG_S)  # due after 10 s, but its queue was long
    again = jobs.claimed("a")
    assert (again.attempt, again.spent_s) == (2, 14.0)
    jobs.ledger.requeue(again.lease, unknown=False)
    jobs.bench.advance(LONG_S)
    assert jobs.claimed("a").spent_s == 14.0


def test_a_job_that_was_sent_tells_how_long_the_vendor_cannot_be_executing_it(
    ledger_bench: Callable[..., Any],
) -> None:
    jobs = Jobs(ledger_bench(replace(TIMES, quiet_s=50.0)))
    jobs.submit("a")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    jobs.ledger.delay(first.lease, 60.0, unknown=True)
    jobs.bench.advance(60)
    second = jobs.claimed("a")
    assert (second.sent, second.since_execution_s, second.lookups) == (RATE, 10.0, 0)
    jobs.ledger.defer(second.lease, 30.0, unknown=True)
    assert isinstance(jobs.claim("a"), NotNow)
    jobs.bench.advance(30)
    third = jobs.claimed("a")
    assert (third.sent, third.since_execution_s, third.lookups) == (RATE, 40.0, 1)
    jobs.ledger.intend(third.lease, RATE)
    jobs.bench.advance(95)
    fourth = jobs.claimed("a")
    assert (fourth.since_execution_s, fourth.lookups) == (45.0, 0)


def test_a_deferred_look_up_keeps_its_product(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    jobs.ledger.defer(first.lease, 10.0, unknown=True)
    jobs.bench.advance(10)
    assert isinstance(jobs.claim("b"), NotNow)
    again = jobs.claimed("a")
    assert (again.attempt, again.sent) == (1, RATE)


def test_a_job_put_back_has_lost_no_attempt_and_keeps_its_place(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.requeue((first := jobs.claimed("a")).lease, unknown=False)
    assert_fenced(jobs, first.lease)
    assert jobs.claim("b") == NotNow("parked")
    assert jobs.claimed("a").attempt == 1


def test_a_job_put_back_with_an_unknown_fate_keeps_its_product(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", id=1, rate="2")
    jobs.ledger.intend((first := jobs.claimed("a")).lease, RATE)
    jobs.ledger.requeue(first.lease, unknown=True)
    assert isinstance(jobs.claim("b"), NotNow)
    again = jobs.claimed("a")
    assert (again.attempt, again.sent) == (1, RATE)


def test_a_product_that_rested_for_long_is_held_all_the_same(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.run("a", RATE)
    jobs.submit("b", id=1, rate="2")
    jobs.submit("c", id=1, rate="3")
    jobs.bench.advance(7190)
    jobs.ledger.intend(jobs.claimed("b").lease, RATE)
    jobs.bench.advance(20)
    assert isinstance(jobs.claim("c"), NotNow)
