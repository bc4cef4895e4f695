"""Any sequence of steps has the same answers from the ledger in memory and the one in Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from revio_jobs.contracts import Lane, UpdateJob, job_id_of
from tasks.ports import Claimed, Lease, LeaseLost
from tests.examples import examples
from worker.ledger import LedgerTimes, MemoryLedger

TIMES = LedgerTimes(lease_s=45.0, park_s=30.0, result_retention_s=3600, key_retention_s=7200)
field_names = st.frozensets(st.sampled_from(["rate", "quantity"]), min_size=1)


class Ledgers(RuleBasedStateMachine):
    """Does each step on both. What both say is then held to what must never happen."""

    jobs: Bundle[tuple[UpdateJob, str]] = Bundle("jobs")
    leases: Bundle[tuple[Lease, Lease]] = Bundle("leases")

    def __init__(self, make: Callable[[LedgerTimes], Any]) -> None:
        super().__init__()
        self.redis = make(TIMES)
        self.memory = MemoryLedger(TIMES, self.redis.clock)
        self.auditor = self.redis.auditor
        self.sending: dict[int, tuple[str, float]] = {}
        """By product: the job that may send, and until when."""

    @rule(target=jobs, product=st.integers(1, 2), names=field_names, value=st.integers(1, 2))
    def submit(self, product: int, names: frozenset[str], value: int) -> tuple[UpdateJob, str]:
        # Few keys, so that they are repeated, with the same payload and with others.
        key = f"{product}{sorted(names)}"
        job = UpdateJob(id=product, idempotency_key=key, **dict.fromkeys(names, value))
        job_id = job_id_of(job.account, key)
        reserved = self.redis.reserve(job, job_id, Lane.BULK)
        assert reserved == self.memory.reserve(job, job_id, Lane.BULK)
        return job, job_id

    @rule(target=leases, job=jobs)
    def claim(self, job: tuple[UpdateJob, str]) -> Any:
        in_redis = self.redis.ledger.claim(*job, Lane.BULK)
        in_memory = self.memory.claim(*job, Lane.BULK)
        if not (isinstance(in_redis, Claimed) and isinstance(in_memory, Claimed)):
            assert in_redis == in_memory
            return multiple()
        assert replace(in_redis, lease=in_memory.lease) == in_memory
        holder, until = self.sending.get(job[0].id, (job[1], 0.0))
        assert holder == job[1] or until <= self.redis.clock()
        ends = float("inf") if in_redis.sent else self.redis.clock() + TIMES.lease_s
        self.sending[job[0].id] = job[1], ends
        return in_redis.lease, in_memory.lease

    @rule(pair=leases, names=field_names)
    def intend(self, pair: tuple[Lease, Lease], names: frozenset[str]) -> None:
        if self.both(pair, lambda ledger, lease: ledger.intend(lease, names)):
            assert self.sending[pair[0].product_id][0] == pair[0].job_id
            # Until it is known what became of it.
            self.sending[pair[0].product_id] = pair[0].job_id, float("inf")

    @rule(pair=leases, names=field_names, how=st.sampled_from(["applied", "rejected"]))
    def settle(self, pair: tuple[Lease, Lease], names: frozenset[str], how: str) -> None:
        outcome = {"ok": {"outcome": how}}
        if self.both(pair, lambda ledger, lease: ledger.settle(lease, outcome, how, names)):
            self.free(pair)

    @rule(pair=leases, unknown=st.booleans())
    def requeue(self, pair: tuple[Lease, Lease], *, unknown: bool) -> None:
        if self.both(pair, lambda ledger, lease: ledger.requeue(lease, unknown=unknown)):
            self.free(pair, unknown=unknown)

    @rule(pair=leases, seconds=st.integers(0, 20), unknown=st.booleans())
    def delay(self, pair: tuple[Lease, Lease], seconds: int, *, unknown: bool) -> None:
        if self.both(pair, lambda ledger, lease: ledger.delay(lease, seconds, unknown=unknown)):
            self.free(pair, unknown=unknown)

    @rule(pair=leases, seconds=st.integers(0, 20), unknown=st.booleans())
    def defer(self, pair: tuple[Lease, Lease], seconds: int, *, unknown: bool) -> None:
        if self.both(pair, lambda ledger, lease: ledger.defer(lease, seconds, unknown=unknown)):
            self.free(pair, unknown=unknown)

    @rule(seconds=st.sampled_from([1, 10, 30, 45, 3000, 6000]))
    def advance(self, seconds: int) -> None:
        self.redis.advance(seconds)

    @invariant()
    def no_accepted_job_is_missing(self) -> None:
        assert self.auditor.balance().missing == 0

    def teardown(self) -> None:
        # Nobody sweeps here, so leases end and nothing comes of it.
        assert [wrong for wrong in self.auditor.audit().discrepancies if "swept" not in wrong] == []

    def both(self, pair: tuple[Lease, Lease], do: Callable[[Any, Lease], None]) -> bool:
        done = [succeeds(do, self.redis.ledger, pair[0]), succeeds(do, self.memory, pair[1])]
        assert done[0] is done[1]
        return done[0]

    def free(self, pair: tuple[Lease, Lease], *, unknown: bool = False) -> None:
        holder, until = self.sending.get(pair[0].product_id, ("", 0.0))
        sent = until == float("inf")
        if holder == pair[0].job_id and not (unknown and sent):
            del self.sending[pair[0].product_id]


def succeeds(do: Callable[[Any, Lease], None], ledger: Any, lease: Lease) -> bool:
    try:
        do(ledger, lease)
    except LeaseLost:
        return False
    return True


def test_both_ledgers_agree_and_a_product_is_never_with_two(
    redis_ledger_bench: Callable[[LedgerTimes], Any],
) -> None:
    run_state_machine_as_test(
        lambda: Ledgers(redis_ledger_bench),
        settings=settings(max_examples=examples(50), stateful_step_count=30, deadline=None),
    )
