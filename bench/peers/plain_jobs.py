"""Jobs as a team would write them: Celery's defaults and zeep, with neither limiter nor ledger.

`celery -A bench.peers.plain_jobs worker` with these variables: REDIS_URL; ENDPOINT and the login as
JSON in LOGIN (the arguments of `zeep_plain.connect` after the endpoint); RATE_LIMIT, if there is
one, such as 500/m.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from functools import cache
from typing import Any

from celery import Celery

from bench.peers import zeep_plain
from bench.peers.zeep_plain import PlainClient

UPDATE, QUERY, NOTHING = "plain.update", "plain.query", "plain.nothing"
REDIS_URL = os.environ.get("REDIS_URL", "")

app = Celery("plain", broker=REDIS_URL, backend=REDIS_URL)
app.conf.task_acks_late = True
app.conf.worker_send_task_events = True
app.conf.task_annotations = {"*": {"rate_limit": os.environ.get("RATE_LIMIT")}}


@cache
def client() -> PlainClient:
    return zeep_plain.connect(os.environ["ENDPOINT"], *json.loads(os.environ["LOGIN"]))


@app.task(name=UPDATE)
def update(product_id: int, rate: str) -> None:
    client().update(product_id, Decimal(rate))


@app.task(name=QUERY)
def query(ids: list[int]) -> list[dict[str, Any]]:
    return zeep_plain.as_dicts(client().query(ids))


@app.task(name=NOTHING)
def nothing(product_id: int, rate: str) -> None:
    """A bare task."""
