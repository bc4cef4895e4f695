"""What waiting for many results costs a producer, against Celery's own: `python -m bench.waiting`.

Both wait for 5,000 results that are stored while they wait; a figure is results per second of the
producer's CPU.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from celery import Celery
from celery.result import AsyncResult, ResultSet
from redis import Redis

from bench.ratio import PAIRS, Target, compare, heading
from revio_jobs import UpdateJob
from revio_jobs.aio import AsyncRevioJobs
from sandbox.local.embedded_redis import embedded_redis

COUNT = 5000
WAIT_S = 0.5
APPLIED = {"outcome": "applied", "id": 1, "calls": 1, "sent": ["rate"]}


def ours(url: str, redis: Redis) -> float:
    async def collect() -> float:
        async with AsyncRevioJobs.connect(url) as jobs:
            handles = await jobs.submit([UpdateJob(id=id_, rate=1) for id_ in range(1, COUNT + 1)])
            outcome = json.dumps({"ok": APPLIED})
            values = {f"revio:default:outcome:{waiter.job_id}": outcome for waiter in handles}
            began = time.process_time()
            results = asyncio.gather(*(handle.result() for handle in handles))
            await asyncio.sleep(WAIT_S)
            store(redis, values)
            assert len(await results) == COUNT
            return COUNT / (time.process_time() - began)

    return asyncio.run(collect())


def theirs(url: str, redis: Redis) -> float:
    with Celery("producer", broker=url, backend=url) as app:
        results = [AsyncResult(uuid.uuid4().hex, app=app) for _ in range(COUNT)]
        values = {
            app.backend.get_key_for_task(result.id): json.dumps(
                {
                    "task_id": result.id,
                    "status": "SUCCESS",
                    "result": APPLIED,
                    "traceback": None,
                    "children": [],
                }
            )
            for result in results
        }
        began = time.process_time()
        worker = threading.Timer(WAIT_S, store, (redis, values), {"tell": True})
        worker.start()
        collected = ResultSet(results, app=app).join_native()
        worker.join()
        assert len(collected) == COUNT
        return COUNT / (time.process_time() - began)


def store(redis: Redis, values: Mapping[Any, str], *, tell: bool = False) -> None:
    """As a worker does; Celery's also tells those who listen."""
    with redis.pipeline(transaction=False) as pipeline:
        for key, value in values.items():
            pipeline.set(key, value)
            if tell:
                pipeline.publish(key, value)
        pipeline.execute()


def main() -> None:
    heading()
    with embedded_redis() as server, Redis.from_url(server.url) as redis:
        compare(
            Target("i. collecting 5,000 results", "results/s of CPU", least=1),
            lambda: ours(server.url, redis),
            lambda: theirs(server.url, redis),
            PAIRS,
        )


if __name__ == "__main__":
    main()
