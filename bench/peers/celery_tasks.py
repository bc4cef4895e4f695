"""The update as a Celery task of one's own, held to the limit in the two usual ways.

`celery -A bench.peers.celery_tasks worker` with these variables: REDIS_URL; ENDPOINT and the login
as JSON in LOGIN (the arguments of `zeep_plain.connect` after the endpoint); RATE_LIMIT for Celery's
own limit (such as 150/m), or MOVING_WINDOW for one window of all workers (such as 600/minute).
"""

from __future__ import annotations

import json
import os
import random
import time
from decimal import Decimal
from functools import cache

from celery import Celery, Task
from limits import parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from zeep.exceptions import TransportError

from bench.peers import zeep_plain
from bench.peers.zeep_plain import PlainClient

TASK = "peer.update"
REDIS_URL = os.environ.get("REDIS_URL", "")
WINDOW = os.environ.get("MOVING_WINDOW")

app = Celery("peer", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    worker_pool="threads",
    worker_concurrency=16,
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    broker_transport_options={"visibility_timeout": 60},
)


@cache
def client() -> PlainClient:
    return zeep_plain.connect(os.environ["ENDPOINT"], *json.loads(os.environ["LOGIN"]))


@cache
def limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(RedisStorage(REDIS_URL))


@app.task(bind=True, name=TASK, max_retries=None, rate_limit=os.environ.get("RATE_LIMIT"))
def update(self: Task, product_id: int, rate: str) -> None:
    if WINDOW:
        limit = parse(WINDOW)
        if not limiter().hit(limit, "vendor"):
            free_at = limiter().get_window_stats(limit, "vendor").reset_time
            raise self.retry(countdown=max(free_at - time.time(), 0.0) + random.random())
    try:
        client().update(product_id, Decimal(rate))
    except TransportError as exc:
        # zeep does not tell Retry-After.
        raise self.retry(exc=exc, countdown=1 + 4 * random.random()) from exc
