from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts import CustomerProductRecord, Lane, QueryJob, QueryResult
from tasks import errors
from tasks.ports import Call, Change, Filters, Purpose
from tasks.query import QueryHandler, QueryTarget, split
from tasks.steps import Done, PutBack, TryAgain

EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)


class Vendor:
    """Has the products 1 to 900; `faults` are raised one a call, None lets the call go."""

    def __init__(self, *faults: Exception | None) -> None:
        self.calls: list[tuple[Filters, Call]] = []
        self._faults = iter(faults)

    def query(self, filters: Filters, call: Call) -> list[CustomerProductRecord]:
        self.calls.append((filters, call))
        if fault := next(self._faults, None):
            raise fault
        return [self.record(each) for each in filters.ids if each <= 900]

    def record(self, product_id: int) -> CustomerProductRecord:
        return {**EMPTY, "customer_product_id": product_id}  # type: ignore[typeddict-item]

    def update(self, change: Change, call: Call, before_send: Callable[[], None]) -> None:
        raise AssertionError("a query changes nothing")


class Runner:
    def __init__(self, *faults: Exception | None, ids_per_call: int = 100) -> None:
        self.vendor = Vendor(*faults)
        self.slept: list[float] = []
        self._handler = QueryHandler(
            {"default": QueryTarget(self.vendor, ids_per_call)},
            chance=random.Random(0),
            clock=lambda: 1_000_000.0,
            sleep=self.slept.append,
        )

    def run(self, attempt: int = 1, **filters: Any) -> Any:
        job = QueryJob(**(filters or {"ids": (1, 2)}))
        return self._handler.run(job, "job", Lane.INTERACTIVE, attempt)


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
    found = [each.customer_product_id for each in result.customer_products]
    unique = list(dict.fromkeys(ids))
    assert found == [each for each in unique if each <= 900]
    assert list(result.missing_ids) == [each for each in unique if each > 900]
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
    assert [each for part in parts for each in getattr(part, name)] == list(dict.fromkeys(values))


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
    assert isinstance(Runner(fault).run(), PutBack)


def test_a_query_under_way_waits_for_the_next_minute() -> None:
    runner = Runner(None, errors.Throttled(40.0), ids_per_call=1)
    assert isinstance(runner.run(ids=(1, 2)), Done)
    assert runner.slept == [40.0]
    assert [filters.ids for filters, _ in runner.vendor.calls] == [(1,), (2,), (2,)]


def test_a_query_under_way_does_not_wait_for_long() -> None:
    runner = Runner(None, errors.Throttled(62.0), ids_per_call=1)
    assert isinstance(runner.run(ids=(1, 2)), PutBack)
    assert runner.slept == []


def test_a_call_that_failed_is_tried_again_shortly() -> None:
    step = Runner(errors.Unavailable("no answer")).run(attempt=3)
    assert isinstance(step, TryAgain)
    assert 0 <= step.seconds <= 2.0


def test_a_vendor_that_stays_away_fails_the_query_at_last() -> None:
    step = Runner(errors.Unavailable("no answer")).run(attempt=6)
    assert type(failure(step)) is errors.Unavailable


@pytest.mark.parametrize("fault", [errors.Rejected("E1", "no"), errors.Unauthorised("no key")])
def test_a_refusal_ends_the_query(fault: errors.RevioError) -> None:
    assert failure(Runner(fault).run()).args == fault.args


def test_a_query_of_an_unknown_account_is_invalid() -> None:
    error = failure(Runner().run(account="acme", ids=(1,)))
    assert str(error) == "account: 'acme' is not configured; known are default"
