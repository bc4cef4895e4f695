"""A Celery app of somebody else's, with Celery's defaults and late acknowledgement."""

from __future__ import annotations

import time

from celery import Celery
from redis import Redis

app = Celery("foreign")


@app.task(name="foreign.note", acks_late=True)
def note(text: str, seconds: float) -> bool:
    """Writes down that it was run, and takes that long."""
    with Redis.from_url(app.conf.broker_url) as redis:
        redis.rpush("foreign:noted", text)
    time.sleep(seconds)
    return True
