"""Another Celery app with Celery's own names, in the same database."""

from __future__ import annotations

import json
import time

from redis import Redis

from revio_jobs.celery_app import producer_app
from sandbox.local.embedded_redis import embedded_redis

HOURS_AGO_S = 2 * 3600


def test_our_commands_leave_the_messages_that_its_workers_hold_alone() -> None:
    message = json.dumps([{"body": "", "properties": {}}, "celery", "celery"])
    with embedded_redis() as server, Redis.from_url(server.url) as redis:
        redis.hset("unacked", "tag", message)
        redis.zadd("unacked_index", {"tag": time.time() - HOURS_AGO_S})
        with producer_app(server.url) as app:
            assert app.control.ping(timeout=0.2) == []
        assert redis.hgetall("unacked") == {b"tag": message.encode()}
        assert redis.zcard("unacked_index") == 1
        assert not redis.llen("celery")
