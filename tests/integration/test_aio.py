"""The asyncio producers' door on a real Redis, with the worker's side played by its own parts."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis

from revio_jobs import Lane, QueryJob, UpdateJob, errors
from revio_jobs.aio import AsyncJobHandle, AsyncRevioJobs, as_completed
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis_async
from sandbox.local.embedded_redis import embedded_redis
from tests.patience import PATIENCE_S
from worker.redis_kit.result_pages import RedisPages

APPLIED: dict[str, Any] = {"outcome": "applied", "id": 1, "calls": 1, "sent": ["rate"]}
READ_AT = "2026-02-01T10:00:00+00:00"


class Worker:
    """Ends jobs."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)

    def end(self, *handles: AsyncJobHandle[Any], **outcome: Any) -> None:
        with self.redis.pipeline() as pipeline:
            for handle in handles:
                key = f"revio:default:outcome:{handle.job_id}"
                pipeline.set(key, json.dumps(outcome or {"ok": APPLIED}))
            pipeline.execute()

    def found(self, handle: AsyncJobHandle[Any], **result: Any) -> None:
        self.meta(handle, "SUCCESS", {"fetched_at": READ_AT, **result})

    def meta(self, handle: AsyncJobHandle[Any], state: str, result: Any) -> None:
        told = {"status": state, "result": result, "traceback": None, "children": []}
        self.redis.set(f"celery-task-meta-{handle.job_id}", json.dumps(told))

    def looks(self) -> int:
        """MGET commands that Redis has had."""
        return int(self.redis.info("commandstats").get("cmdstat_mget", {}).get("calls", 0))


Here = tuple[AsyncRevioJobs, Worker]
Scene = Callable[[AsyncRevioJobs, Worker], Coroutine[Any, Any, None]]


@pytest.fixture
def play(redis_url: str) -> Callable[[Scene], None]:
    def run(scene: Scene) -> None:
        async def main() -> None:
            redis = connect_redis_async(redis_url, timeout_s=PATIENCE_S)
            async with (
                AsyncRevioJobs(producer_app(redis_url), redis) as jobs,
                closing(redis_url) as worker,
            ):
                await scene(jobs, worker)

        asyncio.run(asyncio.wait_for(main(), PATIENCE_S))

    return run


@asynccontextmanager
async def closing(url: str) -> AsyncIterator[Worker]:
    worker = Worker(url)
    yield worker
    worker.redis.close()


def test_jobs_are_submitted_awaited_and_found_again(play: Callable[[Scene], None]) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        handle = await jobs.update(id=1, rate=Decimal("12.50"), idempotency_key="k")
        again = await jobs.update(id=1, rate="12.5", idempotency_key="k")
        assert (handle.submission, again.submission) == ("new", "attached")
        assert (await handle.state(), await handle.done()) == ("PENDING", False)
        waiting = asyncio.create_task(handle.result(PATIENCE_S))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        worker.end(handle)
        assert (await waiting).sent == ("rate",)
        assert (await again.result()).outcome == "applied"
        found = await jobs.find("default", "k")
        assert found is not None
        assert (await found.result()).outcome == "applied"
        assert await jobs.find("default", "another") is None
        with pytest.raises(errors.IdempotencyConflict):
            await jobs.update(id=1, rate="13", idempotency_key="k")

    play(scene)


def test_any_number_of_callers_share_the_connections(play: Callable[[Scene], None]) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        handles = await asyncio.gather(*(jobs.query(ids=[number]) for number in range(1, 501)))
        assert len({handle.job_id for handle in handles}) == 500
        assert worker.redis.info("clients")["connected_clients"] < 100

    play(scene)


def test_a_failed_job_raises_its_error_and_bad_input_reaches_no_queue(
    play: Callable[[Scene], None],
) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        with pytest.raises(errors.InvalidJob):
            await jobs.query()
        with pytest.raises(errors.InvalidJob, match="lane: 'fast'"):
            await jobs.query(ids=[1], lane="fast")
        assert worker.redis.dbsize() == 0
        handle = await jobs.update(id=1, rate=1)
        worker.end(handle, error={"type": "Rejected", "args": ["E7", "no"]})
        with pytest.raises(errors.Rejected, match="E7"):
            await handle.result(PATIENCE_S)

    play(scene)


def test_a_query_tells_its_progress_and_gives_its_records(play: Callable[[Scene], None]) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        handle = await jobs.query(ids=range(1, 4001))
        worker.meta(handle, "PROGRESS", {"done": 5, "total": 20})
        assert (await handle.state(), await handle.progress()) == ("PROGRESS", (5, 20))
        records = [
            [{"customer_product_id": page * 10 + number} for number in range(10)]
            for page in range(9)
        ]
        pages = RedisPages(worker.redis, 60).store(
            "default", handle.job_id, [zlib.compress(json.dumps(page).encode()) for page in records]
        )
        worker.found(handle, customer_products=[], pages=pages)
        assert [record.customer_product_id async for record in handle.records(PATIENCE_S)] == [
            *range(90)
        ]
        assert len((await handle.result()).customer_products) == 90
        worker.redis.delete(pages["key"])
        with pytest.raises(errors.ResultExpired):
            await handle.result()
        small = await jobs.query(ids=[1])
        worker.found(small, customer_products=[{"customer_product_id": 1}])
        assert [record.customer_product_id async for record in small.records(PATIENCE_S)] == [1]

    play(scene)


def test_jobs_come_in_the_order_in_which_they_end_and_no_later_than_asked_for(
    play: Callable[[Scene], None],
) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        handles = await jobs.submit(UpdateJob(id=number, rate=Decimal(1)) for number in (1, 2, 3))
        completed = jobs.as_completed(handles, PATIENCE_S)
        for handle in (handles[2], handles[0]):
            worker.end(handle)
            assert await anext(completed) is handle
        with pytest.raises(TimeoutError, match=r"the job has not ended in 0\.2 s"):
            await anext(jobs.as_completed(handles[1:2], 0.2))
        with pytest.raises(TimeoutError, match=r"the job has not ended in 0\.1 s"):
            await handles[1].result(0.1)
        assert [done async for done in as_completed([])] == []

    play(scene)


def test_five_thousand_handles_wait_in_one_loop_without_threads_or_many_commands(
    play: Callable[[Scene], None],
) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        wishes: list[UpdateJob | QueryJob] = [
            UpdateJob(id=number, rate=Decimal(1)) for number in range(1, 5001)
        ]
        handles = await jobs.submit(wishes, Lane.BULK)
        threads, looks, began = threading.active_count(), worker.looks(), time.monotonic()
        results = asyncio.gather(*(handle.result(PATIENCE_S) for handle in handles))
        await asyncio.sleep(2)
        for start in range(0, 5000, 250):
            worker.end(*handles[start : start + 250])
            await asyncio.sleep(0)
        assert {answer.outcome for answer in await results} == {"applied"}
        assert threading.active_count() <= threads
        # Two commands a look, and looks that cost more than they bring become rarer.
        assert worker.looks() - looks < 40 * (time.monotonic() - began)

    play(scene)


def test_waiting_outlives_a_restart_of_redis() -> None:
    with embedded_redis(appendonly=True) as server:

        async def main() -> None:
            async with AsyncRevioJobs.connect(server.url) as jobs, closing(server.url) as worker:
                handle = await jobs.update(id=1, rate="10")
                waiting = asyncio.create_task(handle.result(PATIENCE_S))
                await asyncio.sleep(0.1)
                await asyncio.to_thread(server.restart)
                assert not waiting.done()
                worker.end(handle)
                assert (await waiting).outcome == "applied"

        asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_a_result_that_is_there_needs_no_time(play: Callable[[Scene], None]) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        wishes = [UpdateJob(id=number, rate=Decimal(1)) for number in (1, 2)]
        handles = await jobs.submit(wishes)
        worker.end(handles[0])
        assert (await handles[0].result(timeout=0)).outcome == "applied"
        worker.end(handles[1])
        assert [handle async for handle in jobs.as_completed(handles, 0)] == handles

    play(scene)


def test_nobody_polls_for_a_job_that_nobody_waits_for_any_more(
    play: Callable[[Scene], None],
) -> None:
    async def scene(jobs: AsyncRevioJobs, worker: Worker) -> None:
        handle = await jobs.update(id=1, rate="1")
        lasting = asyncio.create_task(handle.result(PATIENCE_S))
        with pytest.raises(TimeoutError):
            await handle.result(0.1)
        worker.end(handle)
        assert (await lasting).outcome == "applied"
        other = await jobs.update(id=1, rate="2")
        with pytest.raises(TimeoutError):
            await other.result(0.1)
        await asyncio.sleep(0.5)
        looks = worker.looks()
        await asyncio.sleep(1)
        assert worker.looks() == looks

    play(scene)


def run_in_three_loops(url: str, worker: Worker, *, closes: bool) -> None:
    jobs = AsyncRevioJobs.connect(url)

    async def scene(rate: int) -> None:
        handle = await jobs.update(id=1, rate=rate)
        waiting = asyncio.create_task(handle.result(PATIENCE_S))
        await asyncio.sleep(0.1)
        worker.end(handle)
        assert (await waiting).outcome == "applied"
        if closes:
            await jobs.close()

    for rate in (1, 2, 3):
        asyncio.run(scene(rate))
    asyncio.run(jobs.close())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a loop's connections, if not closed in it
@pytest.mark.parametrize("closes", [True, False])
def test_a_client_serves_one_event_loop_after_another(redis_url: str, closes: bool) -> None:  # noqa: FBT001
    worker = Worker(redis_url)
    run_in_three_loops(redis_url, worker, closes=closes)
    gc.collect()
    assert worker.redis.llen("revio.default.interactive") == 3
    worker.redis.close()


def test_another_event_loop_at_the_same_time_is_refused_before_anything_is_sent(
    redis_url: str,
) -> None:
    async def main() -> None:
        async with AsyncRevioJobs.connect(redis_url) as jobs, closing(redis_url) as worker:
            handle = await jobs.update(id=1, rate=1)
            waiting = asyncio.create_task(handle.result())
            await asyncio.sleep(0.1)
            calls = (handle.done, handle.state, handle.progress, handle.result)
            finds = (lambda: jobs.find("default", "k"), lambda: jobs.update(id=1, rate=2))
            for call in (*calls, *finds, jobs.close):
                with pytest.raises(RuntimeError, match="serves another event loop: make one"):
                    await asyncio.to_thread(asyncio.run, call())
            assert worker.redis.llen("revio.default.interactive") == 1
            worker.end(handle)
            assert (await waiting).outcome == "applied"

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_who_waits_when_the_connection_closes_is_cancelled(redis_url: str) -> None:
    async def main() -> None:
        jobs = AsyncRevioJobs.connect(redis_url)
        waiting = asyncio.create_task((await jobs.update(id=1, rate=1)).result())
        await asyncio.sleep(0.05)
        await jobs.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
