"""Nobody waits for ever: what a caller hears of jobs that have left no result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, as_completed, errors
from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.broker import HELD, KOMBU_HELD, priority_key
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis_async
from tests.patience import PATIENCE_S

BULK = "revio.default.bulk"


def hurried() -> Callable[[], float]:
    """A clock on which half a minute passes from look to look."""
    return count(0.0, 31.0).__next__


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    with producer_app(redis_url) as made:
        yield made


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def jobs(app: Celery, redis: Redis) -> RevioJobs:
    return RevioJobs(app, redis, hurried())


def looked_at_often(handle: JobHandle[Any]) -> bool:
    return any(handle.done() for _ in range(20))


def test_an_update_whose_result_expires_while_somebody_waits_is_told(
    jobs: RevioJobs, redis: Redis
) -> None:
    handle = jobs.update(id=1, rate="1")
    assert not looked_at_often(handle)
    ended = {"fingerprint": "f", "ended": "applied", "at": 1_800_000_000_000}
    redis.hset(f"revio:default:job:{handle.job_id}", mapping=ended)
    with pytest.raises(errors.ResultExpired) as caught:
        handle.result()
    assert caught.value.args == (handle.job_id, "applied", 1_800_000_000.0)


def test_jobs_that_redis_has_lost_are_told(jobs: RevioJobs, redis: Redis) -> None:
    handles = [jobs.update(id=1, rate="1"), jobs.query(ids=[1])]
    redis.flushdb()
    for handle in as_completed(handles):
        with pytest.raises(errors.Forgotten, match=handle.job_id):
            handle.result()


def test_a_query_that_waits_or_that_a_worker_holds_is_waited_for(
    jobs: RevioJobs, redis: Redis
) -> None:
    handle = jobs.query(ids=[1], lane=Lane.BULK)
    assert not looked_at_often(handle)
    message = redis.rpop(BULK) or b""
    redis.hset(HELD, "tag", f"{BULK}\n".encode() + message)
    assert not looked_at_often(handle)
    redis.hdel(HELD, "tag")
    redis.hset(KOMBU_HELD, "tag", json.dumps([json.loads(message), "", BULK]))
    assert not looked_at_often(handle)
    redis.hdel(KOMBU_HELD, "tag")
    redis.lpush(priority_key(BULK, 6), message)
    assert not looked_at_often(handle)
    redis.delete(priority_key(BULK, 6))
    with pytest.raises(errors.Forgotten):
        handle.result()


def test_a_query_of_raw_celery_is_found_by_its_task_id(
    jobs: RevioJobs, redis: Redis, app: Celery
) -> None:
    task_id = app.send_task("revio.customer_products.query", kwargs={"ids": [1]}, queue=BULK).id
    assert not looked_at_often(jobs.query_handle(task_id))
    told = {"status": "SUCCESS", "result": {"customer_products": [], "fetched_at": "2026-02-01"}}
    redis.set(f"celery-task-meta-{task_id}", json.dumps(told))
    assert jobs.query_handle(task_id).result().customer_products == ()


def test_nothing_is_said_of_a_query_when_too_many_messages_wait(
    jobs: RevioJobs, redis: Redis
) -> None:
    handle = jobs.query_handle("never-was")
    redis.lpush(BULK, *[b"{}"] * 5001)
    assert not looked_at_often(handle)
    redis.lpop(BULK)
    with pytest.raises(errors.Forgotten):
        handle.result()


def test_the_same_is_true_in_asyncio(redis_url: str, app: Celery, redis: Redis) -> None:
    async def main() -> None:
        async with AsyncRevioJobs(app, connect_redis_async(redis_url), hurried()) as jobs:
            query, update = await jobs.query(ids=[1]), await jobs.update(id=1, rate="1")
            assert not any([await query.done() for _ in range(20)])
            redis.flushdb()
            for handle in (query, update, jobs.query_handle("never-was")):
                with pytest.raises(errors.Forgotten):
                    await handle.result()

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
