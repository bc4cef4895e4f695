"""`source`: who submitted a job, for operators' eyes alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from revio_jobs import QueryJob, UpdateJob
from revio_jobs.errors import InvalidJob
from revio_jobs.message import describe
from revio_jobs.testing import InMemoryAsyncRevioJobs, InMemoryRevio, InMemoryRevioJobs
from worker.queues.queued_message import QueuedMessage


def revio() -> InMemoryRevio:
    return InMemoryRevio([{"customer_product_id": 1, "rate": "10.00"}])


def sources(handles: Iterable[Any]) -> list[str | None]:
    return [handle.job.source for handle in handles]


@pytest.mark.parametrize("source", ["portal", "billing/nightly:v2", "a@b", "X" * 64])
def test_a_source_is_a_name_that_is_safe_wherever_it_is_shown(source: str) -> None:
    assert UpdateJob(id=1, rate="1", source=source).kwargs()["source"] == source
    assert QueryJob(ids=[1], source=source).kwargs()["source"] == source


@pytest.mark.parametrize("source", ["", "X" * 65, "a b", "-a", "a\n", "<b>", "\u202eevil", 7])
def test_any_other_source_is_refused_before_anything_is_sent(source: Any) -> None:
    with pytest.raises(InvalidJob, match="source"):
        UpdateJob(id=1, rate="1", source=source)
    with pytest.raises(InvalidJob, match="source"):
        QueryJob(ids=[1], source=source)
    with pytest.raises(InvalidJob, match="source"):
        InMemoryRevioJobs(revio(), source=source)


def test_a_job_without_a_source_is_on_the_wire_as_it_was() -> None:
    assert "source" not in UpdateJob(id=1, rate="1").kwargs()
    assert "source" not in QueryJob(ids=[1]).kwargs()


def test_a_source_is_not_part_of_what_a_job_means() -> None:
    job = UpdateJob(id=1, rate="1", idempotency_key="k")
    assert job.model_copy(update={"source": "portal"}).fingerprint() == job.fingerprint()
    jobs = InMemoryRevioJobs(revio())
    jobs.update(id=1, rate="12.50", idempotency_key="k", source="portal")
    again = jobs.update(id=1, rate="12.50", idempotency_key="k", source="batch")
    assert again.submission == "settled"


def test_the_clients_source_is_that_of_every_job_that_names_none() -> None:
    jobs = InMemoryRevioJobs(revio(), source="portal")
    handles = [
        jobs.query(ids=[1]),
        jobs.update(id=1, rate="11"),
        jobs.query(ids=[1], source="batch"),
        *jobs.submit([UpdateJob(id=1, rate="12"), UpdateJob(id=1, rate="13", source="batch")]),
    ]
    assert sources(handles) == ["portal", "portal", "batch", "portal", "batch"]


def test_the_asynchronous_client_names_its_source_as_well() -> None:
    async def submitted() -> list[str | None]:
        async with InMemoryAsyncRevioJobs(revio(), source="portal") as jobs:
            return sources(
                [await jobs.query(ids=[1]), await jobs.update(id=1, rate="11", source="batch")]
            )

    assert asyncio.run(submitted()) == ["portal", "batch"]


def test_operators_see_the_source_with_what_the_job_is_about() -> None:
    assert describe(UpdateJob(id=1, rate="2", source="portal")) == "update 1 rate=2 source=portal"
    assert describe(QueryJob(ids=[1], source="portal")) == "query ids=1 source=portal"


def test_a_queued_message_tells_its_source_by_its_kwarg_before_its_header() -> None:
    def message(body: str, **headers: object) -> str:
        return json.dumps({"body": body, "headers": headers})

    kwargs = "W1tdLCB7InNvdXJjZSI6ICJhIn0sIHt9XQ=="  # [[], {"source": "a"}, {}]
    assert QueuedMessage.parse(message(kwargs, revio_source="b")).source == "a"
    assert QueuedMessage.parse(message("W10=", revio_source="b")).source == "b"
    odd = [message("W10=", compression=["zlib"]), message("[" * 100_000)]
    for text in ("", "7", "[", message("no base64"), message("W10=", revio_source=7), *odd):
        assert QueuedMessage.parse(text).source is None
