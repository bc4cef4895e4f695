"""What is held under kombu's own names: another app's, and what an earlier release left."""

from __future__ import annotations

import json
import time

import pytest
from kombu import Connection
from redis import Redis

from revio_jobs.broker import priority_key
from revio_jobs.celery_app import producer_app
from sandbox.local.embedded_redis import embedded_redis
from worker.celery_app.transport import Transport

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


def kept_by_kombu(redis: Redis, tag: str, queue: str, age_s: float, priority: int = 0) -> str:
    """As a worker with kombu's own transport holds it; returns the message."""
    message = json.dumps({"body": tag, "properties": {"priority": priority}})
    redis.hset("unacked", tag, f'[{message}, "{queue}", "{queue}"]')
    redis.zadd("unacked_index", {tag: time.time() - age_s})
    return message


@pytest.mark.parametrize("queue", ["revio.default.bulk", "revio.other.interactive"])
def test_what_a_killed_worker_of_an_earlier_release_held_returns_to_its_queue(
    queue: str, redis_url: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        lost = kept_by_kombu(redis, "lost", queue, HOURS_AGO_S, priority=6)
        kept_by_kombu(redis, "held", queue, age_s=1)
        kept_by_kombu(redis, "theirs", "celery", HOURS_AGO_S)
        options = {"visibility_timeout": 30}
        with Connection(redis_url, transport=Transport, transport_options=options) as connection:
            for _ in range(2):
                connection.default_channel.qos.restore_visible()
        assert redis.lrange(priority_key(queue, 6), 0, -1) == [lost.encode()]
        assert set(redis.hkeys("unacked")) == {b"held", b"theirs"}
        assert set(redis.zrange("unacked_index", 0, -1)) == {b"held", b"theirs"}
