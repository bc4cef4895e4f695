from __future__ import annotations

import itertools
import random
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs import errors
from revio_jobs.contracts import CustomerProductRecord, Lane, QueryJob, QueryResult
from tasks.decision import Done, Requeue, Retry
from tasks.ports import Call, Change, Filters, Purpose, Wanted
from tasks.query.answer_cache import Answers
from tasks.query.handler import QueryHandler, QueryTarget
from tasks.query.parts import split
from tests.patience import PATIENCE_S

EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)


class Vendor:
    """Has the products 1 to 900; `faults` are raised one a call, None lets the call go."""

    def __init__(self, *faults: Exception | None) -> None:
        self.calls: list[tuple[Filters, Call]] = []
        self.most_at_once = 0
        self.together = threading.Barrier(1)
        """So many calls are under way before one is answered."""
        self._faults = iter(faults)
        self._at_once = 0
        self._lock = threading.Lock()

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        asked = filters() if callable(filters) else filters
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.calls.append((asked, call))
            fault = next(self._faults, None)
        self.together.wait(PATIENCE_S)
        try:
            if fault:
                raise fault
            return [self.record(product) for product in asked.ids if product <= 900]
        finally:
            with self._lock:
                self._at_once -= 1

    def record(self, product_id: int) -> CustomerProductRecord:
        return {**EMPTY, "customer_product_id": product_id}  # type: ignore[typeddict-item]

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        raise AssertionError("a query changes nothing")


class NoWrites:
    """Implements Writes where nothing is ever written."""

    def now(self) -> int:
        return 0

    def last(self, account: str, products: Iterable[int]) -> dict[int, int]:
        return {}


class Shelf:
    """Implements PageStore; refuses as often as it is told to."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.refusals = 0

    def store(self, account: str, job_id: str, pages: Sequence[bytes]) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            raise errors.Unavailable("Redis is away")
        self.pages = list(pages)
        return {"key": f"{account}/{job_id}", "count": len(pages)}

    def ids(self) -> list[int]:
        records = [record for page in self.pages for record in orjson.loads(zlib.decompress(page))]
        return [record["customer_product_id"] for record in records]


class Runner:
    def __init__(
        self,
        *faults: Exception | None,
        ids_per_call: int = 100,
        inline_bytes: int = 10**9,
        clock: Callable[[], float] = lambda: 1_000_000.0,
    ) -> None:
        self.vendor = Vendor(*faults)
        self.shelf = Shelf()
        self.slept: list[float] = []
        self.progress: list[tuple[int, int]] = []
        self._handler = QueryHandler(
            {"default": QueryTarget(self.vendor, ids_per_call, calls_per_minute=60_000_000)},
            self.shelf,
            Answers(NoWrites(), 1_000_000, clock=lambda: 1_000_000.0),
            inline_bytes=inline_bytes,
            chance=random.Random(0),
            clock=clock,
            sleep=lambda seconds: self.slept.append(seconds) if seconds > 0.001 else None,
        )

    def run(self, attempt: int = 1, lane: Lane = Lane.INTERACTIVE, **filters: Any) -> Any:
        job = QueryJob(**(filters or {"ids": (1, 2)}))
        return self._handler.run(job, "job", lane, attempt, self.note)

    def note(self, done: int, total: int) -> None:
        self.progress.append((done, total))


def failure(step: Any) -> errors.RevioError:
    assert isinstance(step, Done), step
    assert step.error
    return step.error


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=300),
    st.integers(1, 100),
)
def test_every_product_that_exists_comes_once_and_the_others_are_missing(
    ids: list[int], ids_per_call: int
) -> None:
    runner = Runner(ids_per_call=ids_per_call)
    step = runner.run(ids=ids)
    result = QueryResult.model_validate(step.outcome["ok"])
    found = [product.customer_product_id for product in result.customer_products]
    unique = list(dict.fromkeys(ids))
    assert found == [job for job in unique if job <= 900]
    assert list(result.missing_ids) == [job for job in unique if job > 900]
    assert result.calls == len(runner.vendor.calls) == -(-len(unique) // ids_per_call)


@given(
    st.sampled_from(["ids", "customer_ids", "line_ids"]),
    st.lists(st.integers(1, 50), min_size=1, max_size=200),
    st.integers(1, 20),
)
def test_a_large_filter_is_split_into_full_calls_without_repeats(
    name: str, values: list[int], ids_per_call: int
) -> None:
    parts = split(QueryJob(**{name: values}), ids_per_call)  # type: ignore[arg-type]
    sizes = [len(getattr(part, name)) for part in parts]
    assert sizes[:-1] == [ids_per_call] * (len(sizes) - 1)
    assert [entry for part in parts for entry in getattr(part, name)] == list(dict.fromkeys(values))


def test_filters_of_several_kinds_are_one_call_as_they_stand() -> None:
    job = QueryJob(ids=(1, 2), line_ids=(3, 3))
    assert split(job, 3) == [Filters(ids=(1, 2), line_ids=(3,))]
    with pytest.raises(errors.InvalidJob, match=r"ids, line_ids: together .* at most 2 values"):
        split(job, 2)


def test_a_call_says_on_whose_behalf_it_is_made() -> None:
    runner = Runner()
    runner.run()
    [(_, call)] = runner.vendor.calls
    assert call == Call("default", Lane.INTERACTIVE, Purpose.QUERY, "job")


@pytest.mark.parametrize("fault", [errors.Throttled(9.0), errors.QuotaExhausted(2e6)])
def test_a_query_that_cannot_begin_goes_back_to_its_queue(fault: Exception) -> None:
    assert isinstance(Runner(fault).run(), Requeue)


def test_a_query_under_way_waits_for_the_next_minute() -> None:
    runner = Runner(*[None] * 15, errors.Throttled(40.0), ids_per_call=1)
    assert isinstance(runner.run(ids=range(1, 31)), Done)
    assert runner.slept == [40.0]
    assert len(runner.vendor.calls) == 31


def test_a_query_under_way_does_not_wait_for_long() -> None:
    runner = Runner(*[None] * 15, errors.Throttled(62.0), ids_per_call=1)
    assert isinstance(runner.run(ids=range(1, 31)), Requeue)
    assert runner.slept == []


def test_a_part_that_failed_is_asked_again_alone() -> None:
    runner = Runner(*[None] * 9, errors.Unavailable("no answer"), ids_per_call=10)
    result = runner.run(ids=range(1, 301)).outcome["ok"]
    assert [product["customer_product_id"] for product in result["customer_products"]] == [
        *range(1, 301)
    ]
    asked = Counter(filters.ids for filters, _ in runner.vendor.calls)
    assert sorted(asked.values()) == [1] * 29 + [2]


def test_a_part_that_is_refused_ends_the_query_and_no_call_is_left_under_way() -> None:
    runner = Runner(*[None] * 9, *[errors.Rejected("E1", "no")] * 291, ids_per_call=1)
    assert type(failure(runner.run(ids=range(1, 301)))) is errors.Rejected
    assert len(runner.vendor.calls) <= 9 + 8
    assert runner.vendor._at_once == 0


def test_parts_are_asked_several_at_a_time() -> None:
    runner = Runner(ids_per_call=1)
    runner.vendor.together = threading.Barrier(8)
    runner.run(ids=range(1, 401))
    assert runner.vendor.most_at_once == 8


def test_progress_is_told_four_times_a_second() -> None:
    looks = itertools.count()
    runner = Runner(ids_per_call=1, clock=lambda: next(looks) / 128)
    runner.run(ids=range(1, 401))
    seconds = next(looks) / 128
    done = [entry for entry, total in runner.progress if total == 400]
    assert done == sorted(set(done))
    assert 2 * seconds < len(done) <= 4 * seconds


def test_a_query_of_one_call_tells_no_progress() -> None:
    runner = Runner()
    runner.run(ids=range(1, 50))
    assert runner.progress == []


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=900), st.integers(0, 200_000))
def test_a_large_result_is_the_same_as_a_small_one_but_in_pages(
    ids: list[int], inline_bytes: int
) -> None:
    whole = Runner().run(ids=ids).outcome["ok"]
    runner = Runner(inline_bytes=inline_bytes)
    result = runner.run(ids=ids).outcome["ok"]
    told = [product["customer_product_id"] for product in whole["customer_products"]]
    size = len(orjson.dumps(whole["customer_products"]))
    if "pages" in result:
        assert result.pop("pages")["records"] == len(told)
        assert result.pop("customer_products") == []
        assert runner.shelf.ids() == told
        assert size > inline_bytes
    else:
        assert result.pop("customer_products") == whole["customer_products"]
        # Each call's records are an array of their own, which takes a few bytes more.
        assert size <= inline_bytes + 20
    assert result.items() <= whole.items()


def test_pages_are_stored_as_soon_as_redis_is_back() -> None:
    runner = Runner(inline_bytes=10)
    runner.shelf.refusals = 30
    assert isinstance(runner.run(), Done)
    runner.shelf.refusals = 50
    assert isinstance(runner.run(), Retry)


def test_what_failed_twice_in_company_is_asked_alone() -> None:
    alone = []
    runner = Runner()
    query = runner._handler._batchers["default"].query
    runner._handler._batchers["default"].query = (  # type: ignore[method-assign]
        lambda filters, call, *, alone_=alone, alone: alone_.append(alone) or query(filters, call)  # type: ignore[func-returns-value]
    )
    for attempt in (1, 2, 3, 4):
        runner.run(attempt=attempt)
    assert alone == [False, False, True, True]


def test_a_call_that_failed_is_tried_again_shortly() -> None:
    step = Runner(errors.Unavailable("no answer")).run(attempt=3)
    assert isinstance(step, Retry)
    assert 0 <= step.seconds <= 2.0


def test_a_vendor_that_stays_away_fails_the_query_at_last() -> None:
    step = Runner(errors.Unavailable("no answer")).run(attempt=6)
    assert type(failure(step)) is errors.Unavailable


@pytest.mark.parametrize("fault", [errors.Rejected("E1", "no"), errors.Unauthorised("no key")])
def test_a_refusal_ends_the_query(fault: errors.RevioError) -> None:
    assert failure(Runner(fault).run()).args == fault.args


def test_a_bulk_query_of_a_refused_account_waits_in_its_queue() -> None:
    runner = Runner(errors.Unauthorised("no key"))
    assert isinstance(runner.run(lane=Lane.BULK), Requeue)


def test_a_query_of_an_unknown_account_is_invalid() -> None:
    error = failure(Runner().run(account="acme", ids=(1,)))
    assert str(error) == "account: 'acme' is not configured; known are default"
