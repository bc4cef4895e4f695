"""Every documented call of the client, as a producer with a type checker would write it.

It is not run: `test_typing.py` has mypy and pyright read it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import assert_type

from revio_jobs import (
    CustomerProduct,
    Expected,
    JobHandle,
    Lane,
    QueryJob,
    QueryResult,
    RevioJobs,
    UpdateJob,
    UpdateResult,
    aio,
    as_completed,
)
from revio_jobs.aio import AsyncJobHandle, AsyncRevioJobs


def queries(jobs: RevioJobs) -> Decimal | None:
    handle = jobs.query(customer_ids=[1004], max_age=60, lane="bulk")
    assert_type(handle, JobHandle[QueryResult])
    for product in handle.records(timeout=60):
        assert_type(product, CustomerProduct)
    assert_type(jobs.query_handle(handle.job_id), JobHandle[QueryResult])
    products = handle.result(timeout=60).customer_products
    return products[0].rate


def updates(jobs: RevioJobs) -> str:
    handle = jobs.update(
        id=5001,
        rate="12.50",
        activated_date="2026-01-31",
        clear=["disconnect_date"],
        expected={"rate": "10.00", "status": "ACTIVE"},
        idempotency_key="june:1",
        skip_unchanged=True,
        lane=Lane.INTERACTIVE,
        source="portal",
    )
    assert_type(handle, JobHandle[UpdateResult])
    assert_type(jobs.find("default", "june:1"), JobHandle[UpdateResult] | None)
    return handle.result(timeout=60).outcome


def many_updates(jobs: RevioJobs) -> list[str]:
    handles = jobs.submit(
        [
            UpdateJob(id=5001, rate="12.50"),
            UpdateJob(id=5002, rate=Decimal("12.50"), quantity=2, account="default"),
            UpdateJob(id=5003, activated_date="2026-01-31", disconnect_date=date(2026, 2, 1)),
            UpdateJob(id=5004, clear=["code1"], code2="B", expected=Expected(rate="10.00")),
            UpdateJob(id=5005, do_not_prorate=True, expected={"code1": None}),
        ]
    )
    assert_type(handles, list[JobHandle[UpdateResult]])
    return [handle.result().outcome for handle in as_completed(handles, timeout=600)]


def many_queries(jobs: RevioJobs) -> int:
    handles = jobs.submit([QueryJob(ids=[5001, 5002]), QueryJob(line_ids=range(10))], Lane.BULK)
    assert_type(handles, list[JobHandle[QueryResult]])
    return sum(handle.result().calls for handle in handles)


def both(jobs: RevioJobs) -> int:
    handles = jobs.submit([QueryJob(ids=[5001]), UpdateJob(id=5001, rate=12)])
    assert_type(handles, list[JobHandle[QueryResult | UpdateResult]])
    return sum(handle.result().calls for handle in handles)


def connected() -> None:
    with RevioJobs.connect("redis://localhost:6379/0") as jobs:
        assert_type(jobs, RevioJobs)
        updates(jobs)


async def in_asyncio() -> None:
    async with AsyncRevioJobs.connect("redis://localhost:6379/0") as jobs:
        assert_type(jobs, AsyncRevioJobs)
        query = await jobs.query(ids=[5001])
        assert_type(query, AsyncJobHandle[QueryResult])
        update = await jobs.update(id=5001, rate="12.75", idempotency_key="june:3")
        assert_type(await update.result(timeout=60), UpdateResult)
        handles = await jobs.submit([UpdateJob(id=5001, rate="12.50")])
        assert_type(handles, list[AsyncJobHandle[UpdateResult]])
        async for handle in aio.as_completed(handles):
            assert_type(await handle.result(), UpdateResult)
