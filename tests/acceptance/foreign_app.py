"""A Celery app of somebody else's, with Celery's defaults and late acknowledgement."""

from __future__ import annotations

import time

from celery import Celery
from redis import Redis

app = Celery("foreign")


@app.task(name="foreign.note", acks_late=True)
def note(text: str, seconds: float) -> bool:
    """Writes down that it was run, and takes that long or until it may end."""
    with Redis.from_url(app.conf.broker_url) as redis:
        redis.rpush("foreign:noted", text)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not redis.exists("foreign:may-end"):
            time.sleep(0.05)
    return True
