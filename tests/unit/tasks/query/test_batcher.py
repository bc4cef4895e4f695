"""Threads meet at a vendor whose permits are given when the test says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from revio_jobs import errors
from revio_jobs.contracts import CustomerProductRecord, Lane
from tasks.ports import (
    Call,
    Change,
    Filters,
    PartlyReadable,
    Purpose,
    SpoiltAnswer,
    UnreadableRecord,
    Wanted,
)
from tasks.query.batcher import Batcher
from tests.examples import examples
from tests.patience import PATIENCE_S

EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)
PER_CUSTOMER = 3


def products_of(customer: int) -> list[int]:
    return [customer * 10 + number for number in range(PER_CUSTOMER)]


class Vendor:
    """Each customer has three products, and one line.

    It refuses calls that hold a bad value, and names it; a spoilt one breaks the whole answer.
    """

    def __init__(
        self,
        bad: Iterable[int] = (),
        *,
        spoilt: Iterable[int] = (),
        open_at_once: bool = False,
    ) -> None:
        self.calls: list[tuple[Lane, Filters]] = []
        self.permits = threading.Event()
        if open_at_once:
            self.permits.set()
        self.fault: Exception | None = None
        self.slowed_down: list[str] = []
        self.largest = 1_000_000
        """Values that it takes in a call."""
        self.busy: set[int] = set()
        """Values that it refuses in words that name none."""
        self._bad = frozenset(bad)
        self._spoilt = frozenset(spoilt)

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        assert self.permits.wait(PATIENCE_S)
        if self.fault:
            raise self.fault
        asked = filters() if callable(filters) else filters
        assert not callable(filters) or filters() == asked
        self.calls.append((call.lane, asked))
        values = asked.ids + asked.customer_ids + asked.line_ids
        if len(values) > self.largest:
            raise errors.Rejected(None, "too many")
        if self.busy.intersection(values):
            raise errors.Rejected(None, "busy")
        if bad := self._bad.intersection(values):
            raise errors.Rejected("E1", f"no {min(bad)}")
        if self._spoilt.intersection(values):
            raise SpoiltAnswer("broken XML")
        found = [(product // 10, product) for product in asked.ids if product % 10 < PER_CUSTOMER]
        customers = asked.customer_ids + asked.line_ids
        found += [
            (customer, product) for customer in customers for product in products_of(customer)
        ]
        return [record(customer, entry) for customer, entry in found]

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        raise AssertionError("a query changes nothing")

    def slow_down(self, reason: str) -> None:
        self.slowed_down.append(reason)


def record(customer: int, product: int) -> Any:
    named = {"customer_product_id": product, "customer_id": customer, "line_id": customer}
    return EMPTY | named


class Crowd:
    """Queries that arrive one after the other, each in a thread of its own."""

    def __init__(self, vendor: Vendor, pool: ThreadPoolExecutor, **options: Any) -> None:
        self.vendor = vendor
        self._pool = pool
        self._asking = 0
        defaults = {"ids_per_call": 5, "calls_per_minute": 60_000_000}
        self.batcher = Batcher(vendor, **defaults | options)

    def arrive(
        self, lane: Lane = Lane.BULK, *, alone: bool = False, **filters: tuple[int, ...]
    ) -> Future[list[CustomerProductRecord]]:
        call = Call("default", lane, Purpose.QUERY, f"job-{self._asking}")
        self._asking += 1
        return self._pool.submit(self.batcher.query, Filters(**filters), call, alone=alone)

    def arrive_in(
        self, context: Context, **filters: tuple[int, ...]
    ) -> Future[list[CustomerProductRecord]]:
        """As a task in that context."""
        call = Call("default", Lane.BULK, Purpose.QUERY, f"job-{self._asking}")
        self._asking += 1
        return self._pool.submit(context.run, self.batcher.query, Filters(**filters), call)

    def settle(self) -> None:
        """Until each that arrived has opened a batch or joined one."""
        until = time.monotonic() + PATIENCE_S
        while sum(len(call.members) for call in list(self.batcher._open.values())) < self._asking:
            assert time.monotonic() < until
            time.sleep(0.001)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as threads:
        yield threads


def found(answer: Future[list[CustomerProductRecord]]) -> list[int]:
    return [entry["customer_product_id"] for entry in answer.result(PATIENCE_S)]


values = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True).map(tuple)
asked = st.tuples(st.sampled_from(["ids", "customer_ids", "line_ids"]), values, st.booleans())


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(asked, min_size=1, max_size=25), st.sets(st.integers(1, 30), max_size=3))
def test_each_caller_gets_what_it_would_have_got_alone(
    pool: ThreadPoolExecutor, queries: list[tuple[str, tuple[int, ...], bool]], bad: set[int]
) -> None:
    """At once, or with a later attempt, alone: where all parts of a call are refused in the same
    words, such as queries that share a bad id, the vendor seems to refuse everything.
    """
    crowd, alone = Crowd(Vendor(bad), pool), Vendor(bad, open_at_once=True)
    lanes = [Lane.BULK if in_bulk else Lane.INTERACTIVE for *_, in_bulk in queries]
    answers = [
        crowd.arrive(lane, **{kind: wanted})
        for (kind, wanted, _), lane in zip(queries, lanes, strict=True)
    ]
    crowd.vendor.permits.set()
    for (kind, wanted, _), lane, answer in zip(queries, lanes, answers, strict=True):
        filters = {kind: wanted}
        if isinstance(answer.exception(PATIENCE_S), errors.Unavailable):
            answer = crowd.arrive(lane, alone=True, **filters)  # noqa: PLW2901 - a later attempt
        if bad.intersection(wanted):
            assert isinstance(answer.exception(PATIENCE_S), errors.Rejected)
        else:
            call = Call("default", lane, Purpose.QUERY)
            assert answer.result(PATIENCE_S) == alone.query(Filters(**filters), call)
    for _, filters in crowd.vendor.calls:
        assert len(filters.ids + filters.customer_ids + filters.line_ids) <= 5


def test_queries_that_wait_for_a_permit_leave_together(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(Vendor(), pool, ids_per_call=200)
    answers = [crowd.arrive(ids=(number * 10, number * 10 + 9)) for number in range(1, 31)]
    crowd.settle()
    crowd.vendor.permits.set()
    assert [found(answer) for answer in answers] == [[number * 10] for number in range(1, 31)]
    [(_, filters)] = crowd.vendor.calls
    assert len(filters.ids) == 60


def test_whoever_follows_calls_hears_who_waits_for_them(
    pool: ThreadPoolExecutor,
) -> None:
    job: ContextVar[str] = ContextVar("job")
    shared: list[list[str]] = []
    crowd = Crowd(
        Vendor(),
        pool,
        on_share=lambda contexts: shared.append([context[job] for context in contexts]),
    )
    answers = []
    for name in ("leads", "waits", "waits, too"):
        context = Context()
        context.run(job.set, name)
        answers.append(crowd.arrive_in(context, ids=(10,)))
        crowd.settle()
    crowd.vendor.permits.set()
    assert [found(answer) for answer in answers] == [[10]] * 3
    assert shared == [["waits", "waits, too"]]


def test_identical_queries_that_wait_ask_once(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(Vendor(), pool)
    answers = [crowd.arrive(customer_ids=(7, 8)) for _ in range(30)]
    crowd.settle()
    crowd.vendor.permits.set()
    assert [found(answer) for answer in answers] == [products_of(7) + products_of(8)] * 30
    assert crowd.vendor.calls == [(Lane.BULK, Filters(customer_ids=(7, 8)))]


def test_nobody_joins_a_call_that_has_left(pool: ThreadPoolExecutor) -> None:
    """Its answer may be older than an update that the caller has seen applied."""
    crowd = Crowd(Vendor(open_at_once=True), pool)
    for _ in range(3):
        assert found(crowd.arrive(ids=(10,))) == [10]
    assert len(crowd.vendor.calls) == 3


def test_an_idle_system_delays_nothing() -> None:
    slept: list[float] = []
    vendor = Vendor(open_at_once=True)
    batcher = Batcher(vendor, 200, 500, clock=lambda: 0.0, sleep=slept.append)
    for number in range(8):
        batcher.query(Filters(ids=(number,)), Call("default", Lane.BULK, Purpose.QUERY))
    assert slept == []


def test_many_at_once_leave_at_the_pace_that_the_limit_sustains() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    batcher = Batcher(Vendor(open_at_once=True), 200, 500, clock=lambda: now[0], sleep=sleep)
    for number in range(508):
        batcher.query(Filters(ids=(number,)), Call("default", Lane.BULK, Purpose.QUERY))
    assert now[0] == pytest.approx(60.0)


def test_lanes_and_kinds_do_not_mix(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(Vendor(), pool)
    answers = [
        crowd.arrive(lane, **{kind: (1, 2)})
        for lane in Lane
        for kind in ("ids", "customer_ids", "line_ids")
    ]
    crowd.settle()
    crowd.vendor.permits.set()
    for answer in answers:
        found(answer)
    assert len(crowd.vendor.calls) == 6


def test_a_full_query_a_mixed_one_and_one_that_wants_no_company_go_alone(
    pool: ThreadPoolExecutor,
) -> None:
    crowd = Crowd(Vendor(open_at_once=True), pool)
    assert found(crowd.arrive(ids=(10, 20, 30, 40, 50))) == [10, 20, 30, 40, 50]
    assert found(crowd.arrive(ids=(10,), line_ids=(2,))) == [10, *products_of(2)]
    assert found(crowd.arrive(ids=(10,), alone=True)) == [10]


@pytest.mark.parametrize(
    "fault",
    [errors.Throttled(9.0), errors.QuotaExhausted(2e9), errors.Unauthorised("no key")],
)
def test_what_befalls_a_call_befalls_each_who_shares_it(
    pool: ThreadPoolExecutor, fault: errors.RevioError
) -> None:
    crowd = Crowd(Vendor(), pool)
    crowd.vendor.fault = fault
    answers = [crowd.arrive(ids=(number,)) for number in range(4)]
    crowd.settle()
    crowd.vendor.permits.set()
    raised = [answer.exception(PATIENCE_S) for answer in answers]
    assert [(type(error), error.args) for error in raised if error] == [
        (type(fault), fault.args)
    ] * 4
    assert len(set(map(id, raised))) == 4


def test_a_fault_of_our_own_is_the_leaders_and_leaves_nobody_waiting(
    pool: ThreadPoolExecutor,
) -> None:
    crowd = Crowd(Vendor(), pool)
    crowd.vendor.fault = KeyError("secret")
    answers = [crowd.arrive(ids=(number,)) for number in range(4)]
    crowd.settle()
    crowd.vendor.permits.set()
    raised = sorted(type(answer.exception(PATIENCE_S)).__name__ for answer in answers)
    assert raised == ["KeyError", "Unavailable", "Unavailable", "Unavailable"]


def test_a_vendor_that_refuses_every_part_in_the_same_words_is_slowed_down_and_not_searched(
    pool: ThreadPoolExecutor,
) -> None:
    crowd = Crowd(Vendor(), pool, ids_per_call=200)
    crowd.vendor.busy = set(range(1, 41))
    answers = [crowd.arrive(ids=(value,)) for value in range(1, 41)]
    crowd.settle()
    crowd.vendor.permits.set()
    for answer in answers:
        assert isinstance(answer.exception(PATIENCE_S), errors.Unavailable)
    # The whole, its halves, and one query of each half.
    assert len(crowd.vendor.calls) == 5
    assert crowd.vendor.slowed_down == [
        "the vendor refuses every part of a call: the vendor refused (no code): busy"
    ]


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(2, 40), st.integers(1, 40), st.sets(st.integers(1, 40), max_size=2))
@example(queries=4, largest=1, bad=set())
def test_a_vendor_that_takes_few_values_a_call_answers_all_the_same(
    pool: ThreadPoolExecutor, queries: int, largest: int, bad: set[int]
) -> None:
    crowd = Crowd(Vendor(bad=bad), pool, ids_per_call=200)
    crowd.vendor.largest = largest
    answers = [crowd.arrive(ids=(value,)) for value in range(1, queries + 1)]
    crowd.settle()
    crowd.vendor.permits.set()
    for value, answer in enumerate(answers, start=1):
        refused = answer.exception(PATIENCE_S)
        assert refused is None if value not in bad else isinstance(refused, errors.Rejected)
    # A binary tree, and one query of each half of the whole.
    assert len(crowd.vendor.calls) <= 2 * queries + 1
    assert not crowd.vendor.slowed_down


def test_only_a_query_that_was_asked_for_alone_is_rejected(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(Vendor(), pool, ids_per_call=200)
    crowd.vendor.busy = {33}
    answers = [crowd.arrive(ids=(value,)) for value in range(1, 41)]
    crowd.settle()
    crowd.vendor.permits.set()
    for value, answer in enumerate(answers, start=1):
        assert isinstance(answer.exception(PATIENCE_S), errors.Rejected) == (value == 33)
    assert (Lane.BULK, Filters(ids=(33,))) in crowd.vendor.calls
    assert not crowd.vendor.slowed_down


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(values, min_size=1, max_size=12), st.sets(st.integers(1, 30), max_size=3))
def test_a_spoilt_product_costs_those_who_did_not_ask_for_it_nothing(
    pool: ThreadPoolExecutor, queries: list[tuple[int, ...]], spoilt: set[int]
) -> None:
    crowd = Crowd(Vendor(spoilt=spoilt), pool, ids_per_call=60)
    answers = [crowd.arrive(ids=tuple(value * 10 for value in wanted)) for wanted in queries]
    crowd.vendor._spoilt = frozenset(value * 10 for value in spoilt)
    crowd.settle()
    crowd.vendor.permits.set()
    for wanted, answer in zip(queries, answers, strict=True):
        concerned = spoilt.intersection(wanted)
        error = answer.exception(PATIENCE_S)
        if isinstance(error, errors.Unavailable):
            # Nothing at all could be read: that is no product's fault.
            assert len(crowd.vendor.calls) >= 7
            continue
        readable = [value * 10 for value in wanted if value not in spoilt]
        if not concerned:
            assert found(answer) == readable
            continue
        assert isinstance(error, PartlyReadable)
        assert [record["customer_product_id"] for record in error.records] == readable
        assert {fault.customer_product_id for fault in error.unreadable} == {
            value * 10 for value in concerned
        }


def test_one_spoilt_product_of_two_hundred_is_found_in_few_calls() -> None:
    vendor = Vendor(spoilt=[730], open_at_once=True)
    batcher = Batcher(vendor, 200, 60_000_000)
    ids = tuple(range(10, 2010, 10))
    with pytest.raises(PartlyReadable) as raised:
        batcher.query(Filters(ids=ids), Call("default", Lane.BULK, Purpose.QUERY))
    assert len(raised.value.records) == 199
    assert raised.value.unreadable == (UnreadableRecord(730, None, None, None, "broken XML"),)
    assert len(vendor.calls) <= 17


def test_a_spoilt_customer_is_named_by_its_filter() -> None:
    batcher = Batcher(Vendor(spoilt=[7], open_at_once=True), 200, 60_000_000)
    with pytest.raises(PartlyReadable) as raised:
        batcher.query(Filters(customer_ids=(6, 7)), Call("default", Lane.BULK, Purpose.QUERY))
    assert [record["customer_id"] for record in raised.value.records] == [6, 6, 6]
    assert raised.value.unreadable[0].customer_id == 7


def test_answers_that_are_all_spoilt_are_the_vendors_fault_and_not_searched_for_long() -> None:
    ids = tuple(range(10, 2010, 10))
    vendor = Vendor(spoilt=ids, open_at_once=True)
    with pytest.raises(errors.Unavailable, match="broken XML"):
        Batcher(vendor, 200, 60_000_000).query(
            Filters(ids=ids), Call("default", Lane.BULK, Purpose.QUERY)
        )
    assert len(vendor.calls) == 7
