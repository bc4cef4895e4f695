"""What the in-memory double adds for a producer's tests."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from revio_jobs import QueryJob, UpdateJob, as_completed, errors
from revio_jobs.testing import InMemoryAsyncRevioJobs, InMemoryRevio, InMemoryRevioJobs
from tests.patience import PATIENCE_S


@pytest.fixture
def revio() -> InMemoryRevio:
    return InMemoryRevio(
        [
            {"customer_product_id": 1, "customer_id": 7, "rate": "10.00"},
            {"customer_product_id": 2, "customer_id": 7, "rate": "20.00"},
        ]
    )


@pytest.fixture
def jobs(revio: InMemoryRevio) -> InMemoryRevioJobs:
    return InMemoryRevioJobs(revio)


def test_jobs_wait_while_it_is_paused_and_a_repeat_is_attached(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    with revio.paused():
        first = jobs.update(id=1, rate="11", idempotency_key="k")
        again = jobs.update(id=1, rate="11", idempotency_key="k")
        assert (again.submission, again.state, again.done()) == ("attached", "PENDING", False)
        with pytest.raises(TimeoutError):
            first.result(timeout=0)
    assert first.result(0) == again.result(0)
    assert revio.products[1].rate == Decimal(11)


def test_interactive_jobs_run_first_and_win_over_older_bulk_ones(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    with revio.paused():
        [bulk] = jobs.submit([UpdateJob(id=1, rate="11", code1="A")])
        jobs.update(id=1, rate="12")
    assert bulk.result(0).sent == ("code1",)
    assert (revio.products[1].rate, revio.products[1].code1) == (Decimal(12), "A")


@pytest.mark.parametrize(
    "error", [errors.Unavailable("down"), errors.Unauthorised("no"), errors.Rejected("P1", "no")]
)
def test_an_error_on_demand_arrives_with_its_fields(
    error: errors.RevioError, revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    revio.fail_next(error, 2)
    jobs.update(id=1, rate="11").result(0)
    with pytest.raises(type(error)) as caught:
        jobs.update(id=2, rate="11").result(0)
    assert caught.value.args == error.args
    assert revio.products[2].rate == Decimal(20)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1, "rate": "11", "expected": {"rate": "99"}},
        {"id": 1, "rate": "10", "skip_unchanged": True},
        {"id": 99, "rate": "11"},
    ],
)
def test_an_error_on_demand_ends_the_next_job_whatever_it_is(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs, change: dict[str, Any]
) -> None:
    revio.fail_next(errors.Unavailable("down"))
    with pytest.raises(errors.Unavailable):
        jobs.update(**change).result(0)


@pytest.mark.parametrize("error", [ValueError("no"), errors.Unavailable])
def test_only_an_error_of_ours_can_be_demanded(revio: InMemoryRevio, error: Any) -> None:
    with pytest.raises(TypeError, match=r"a job ends with an error of revio_jobs\.errors"):
        revio.fail_next(error)


def test_a_field_that_is_cleared_twice_is_sent_once(jobs: InMemoryRevioJobs) -> None:
    assert jobs.update(id=1, clear=["code1", "code1"]).result(0).sent == ("code1",)


def test_an_unknown_outcome_keeps_an_older_job_from_overwriting(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    revio.put_off_next(1)
    older = jobs.update(id=1, rate="11")
    revio.fail_next(errors.OutcomeUnknown("who knows"), 1)
    with pytest.raises(errors.OutcomeUnknown):
        jobs.update(id=1, rate="12").result(0)
    assert older.result(0).outcome == "superseded"


def test_results_expire_and_keys_do_not(revio: InMemoryRevio, jobs: InMemoryRevioJobs) -> None:
    jobs.update(id=1, rate="11", idempotency_key="k")
    query = jobs.query(customer_ids=[7])
    revio.expire_results()
    again = jobs.update(id=1, rate="11", idempotency_key="k")
    assert again.submission == "expired"
    with pytest.raises(errors.ResultExpired):
        again.result(0)
    with pytest.raises(errors.Forgotten):
        query.result(0)


def test_an_update_after_a_day_is_newer_than_those_before(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    for _ in range(3):
        jobs.query(ids=[1])
    jobs.update(id=1, rate="11").result(0)
    revio.expire_results()
    assert jobs.update(id=1, rate="12").result(0).outcome == "applied"


def test_an_update_that_waits_for_another_attempt_has_started(
    revio: InMemoryRevio, jobs: InMemoryRevioJobs
) -> None:
    revio.put_off_next(1)
    handle = jobs.update(id=1, rate="11")
    assert (handle.state, handle.done()) == ("STARTED", False)


def test_a_product_with_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValueError, match="a product has no field raet"):
        InMemoryRevio([{"customer_product_id": 1, "raet": "10.00"}])


def test_a_job_of_an_account_that_nobody_serves_waits(jobs: InMemoryRevioJobs) -> None:
    assert not jobs.update(id=1, rate="11", account="other").done()


def test_cleared_fields_are_empty(revio: InMemoryRevio, jobs: InMemoryRevioJobs) -> None:
    jobs.update(id=1, clear=["rate"], code1="X").result(0)
    assert (revio.products[1].rate, revio.products[1].code1) == (None, "X")


def test_asyncio_has_the_same(revio: InMemoryRevio) -> None:
    async def story() -> list[str]:
        async with InMemoryAsyncRevioJobs(revio) as jobs:
            handles = await jobs.submit([UpdateJob(id=1, rate="11"), UpdateJob(id=2, rate="12")])
            ended = [handle async for handle in jobs.as_completed(handles, timeout=5)]
            query = await jobs.query(ids=[1])
            assert [p.rate async for p in query.records()] == [Decimal(11)]
            return [(await handle.result()).outcome for handle in ended]

    assert asyncio.run(story()) == ["applied", "applied"]


def test_handles_of_several_clients_can_be_awaited_together(revio: InMemoryRevio) -> None:
    clients = [InMemoryRevioJobs(revio), InMemoryRevioJobs(revio)]
    handles = [client.submit([QueryJob(ids=[1])])[0] for client in clients]
    assert set(as_completed(handles, timeout=5)) == set(handles)


def test_each_handle_comes_once_even_without_any_time(revio: InMemoryRevio) -> None:
    async def story() -> None:
        jobs = InMemoryAsyncRevioJobs(revio)
        first, second = await jobs.submit([UpdateJob(id=1, rate="11"), UpdateJob(id=2, rate="12")])
        assert (await first.result(timeout=0)).outcome == "applied"
        given = [first, second, first]
        assert [handle async for handle in jobs.as_completed(given, 0)] == [first, second]
        assert [handle async for handle in jobs.as_completed(given)] == [first, second]
        with revio.paused():
            waiting = await jobs.update(id=1, rate="13")
            with pytest.raises(TimeoutError):
                await waiting.result(timeout=0)
            with pytest.raises(ValueError, match="timeout"):
                await waiting.result(timeout=float("nan"))

    asyncio.run(story())


def test_a_client_outlives_its_event_loop(revio: InMemoryRevio) -> None:
    jobs = InMemoryAsyncRevioJobs(revio)

    async def wait(rate: str) -> str:
        with revio.paused():
            handle = await jobs.update(id=1, rate=rate)
            waiting = asyncio.create_task(handle.result(timeout=PATIENCE_S))
            await asyncio.sleep(0.05)
        return (await waiting).outcome

    assert [asyncio.run(wait(rate)) for rate in ("11", "12")] == ["applied", "applied"]
