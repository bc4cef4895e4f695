"""What a producer meets: the same from the in-memory double and from Redis, workers and Rev.io."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from cli.dev import local_stack
from revio_jobs import Lane, RevioJobs, UpdateJob, errors
from revio_jobs.contracts import queue_name
from revio_jobs.testing import InMemoryRevio, InMemoryRevioJobs

TIMEOUT_S = 60
UPDATE = "CustomerProducts_Update"


@dataclass
class Place:
    jobs: RevioJobs
    products: Iterator[int]
    """Ids of products that no story has touched."""
    bulk_paused: Callable[[], AbstractContextManager[object]]
    reject_next: Callable[[int], object]


def memory_place() -> Place:
    ids = range(5001, 5021)
    products = [{"customer_product_id": id_, "rate": "10.00", "status": "ACTIVE"} for id_ in ids]
    revio = InMemoryRevio(products)
    refusal = errors.Rejected("P1", "no")
    return Place(
        InMemoryRevioJobs(revio),
        iter(ids),
        revio.bulk_paused,
        lambda product_id: revio.fail_next(refusal, product_id),
    )


def real_place(ends: ExitStack) -> Place:
    interactive = {"interactive": (queue_name("default", Lane.INTERACTIVE),)}
    stack = ends.enter_context(local_stack(workers=interactive, sandbox={"customers": 10}))
    jobs = ends.enter_context(RevioJobs.connect(stack.redis.url))

    @contextmanager
    def bulk_paused() -> Iterator[None]:
        """Nobody serves the bulk lane before; called once."""
        yield
        stack.start_worker("bulk", [queue_name("default", Lane.BULK)])
        stack.wait_until_ready()

    def reject_next(product_id: int) -> None:
        stack.sandbox.fault("success-false", next=1, operation=UPDATE, ids=[product_id])

    return Place(jobs, count(5001), bulk_paused, reject_next)


@pytest.fixture(scope="module", params=["memory", "real"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with ExitStack() as ends:
        yield memory_place() if request.param == "memory" else real_place(ends)


def rate_of(place: Place, product_id: int) -> str:
    [product] = place.jobs.query(ids=[product_id]).result(TIMEOUT_S).customer_products
    return f"{product.rate:.2f}"


def test_an_update_is_applied_and_a_query_shows_it(place: Place) -> None:
    id_ = next(place.products)
    result = place.jobs.update(id=id_, rate="12.50").result(TIMEOUT_S)
    assert (result.outcome, result.id, result.sent, result.calls) == ("applied", id_, ("rate",), 1)
    assert rate_of(place, id_) == "12.50"


def test_a_key_is_settled_for_its_change_and_in_conflict_with_another(place: Place) -> None:
    id_ = next(place.products)
    first = place.jobs.update(id=id_, rate="12.50", idempotency_key=f"key:{id_}")
    first.result(TIMEOUT_S)
    again = place.jobs.update(id=id_, rate="12.5", idempotency_key=f"key:{id_}")
    assert (first.submission, again.submission) == ("new", "settled")
    assert again.result(0) == first.result(0)
    with pytest.raises(errors.IdempotencyConflict):
        place.jobs.update(id=id_, rate="13", idempotency_key=f"key:{id_}")
    [conflict] = place.jobs.submit([UpdateJob(id=id_, rate="13", idempotency_key=f"key:{id_}")])
    assert conflict.submission == "conflict"
    known = place.jobs.find("default", f"key:{id_}")
    assert known
    assert known.result(0) == first.result(0)
    assert place.jobs.find("default", "never") is None


def test_what_no_longer_holds_stops_an_update_and_is_shown(place: Place) -> None:
    id_ = next(place.products)
    place.jobs.update(id=id_, rate="11").result(TIMEOUT_S)
    result = place.jobs.update(id=id_, rate="12", expected={"rate": "10"}).result(TIMEOUT_S)
    assert (result.outcome, result.sent, result.calls) == ("drifted", (), 1)
    assert result.found is not None
    assert float(result.found["rate"]) == 11
    assert rate_of(place, id_) == "11.00"


def test_nothing_is_sent_that_is_so_already(place: Place) -> None:
    id_ = next(place.products)
    place.jobs.update(id=id_, rate="11").result(TIMEOUT_S)
    result = place.jobs.update(id=id_, rate="11.00", skip_unchanged=True).result(TIMEOUT_S)
    assert (result.outcome, result.verified, result.sent) == ("applied", True, ())


def test_a_late_update_does_not_overwrite_a_newer_one(place: Place) -> None:
    id_ = next(place.products)
    with place.bulk_paused():
        late = place.jobs.update(id=id_, rate="11", lane="bulk")
        newer = place.jobs.update(id=id_, rate="12", quantity=2)
        assert newer.result(TIMEOUT_S).outcome == "applied"
        assert not late.done()
    result = late.result(TIMEOUT_S)
    assert (result.outcome, result.superseded_by) == ("superseded", newer.job_id)
    assert rate_of(place, id_) == "12.00"


def test_a_refusal_is_raised_and_changes_nothing(place: Place) -> None:
    id_ = next(place.products)
    before = rate_of(place, id_)
    place.reject_next(id_)
    handle = place.jobs.update(id=id_, rate="99")
    with pytest.raises(errors.Rejected):
        handle.result(TIMEOUT_S)
    assert handle.state == "FAILURE"
    assert rate_of(place, id_) == before


def test_ids_that_do_not_exist_are_missing(place: Place) -> None:
    id_ = next(place.products)
    result = place.jobs.query(ids=[id_, 999_999]).result(TIMEOUT_S)
    assert [product.customer_product_id for product in result.customer_products] == [id_]
    assert result.missing_ids == (999_999,)


def test_a_query_that_never_was_is_forgotten(place: Place) -> None:
    with pytest.raises(errors.Forgotten):
        place.jobs.query_handle("never-submitted").result(TIMEOUT_S)


@pytest.mark.parametrize("wrong", [{"id": 0, "rate": "1"}, {"id": 1}, {"id": 1, "rate": 1.5}])
def test_a_job_that_breaks_the_contract_is_refused(place: Place, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidJob):
        place.jobs.update(**wrong)
