"""The connections on which a Celery producer's messages leave: Celery takes them from a pool."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from celery import Celery
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK

QUEUE = "revio.default.bulk"


def transports(app: Celery) -> tuple[type, type]:
    """That of a connection of its own, and that of one from the pool. Nothing is connected."""
    own = app.connection_for_write()
    with app.pool.acquire() as pooled:
        return own.get_transport_cls(), pooled.get_transport_cls()


@pytest.mark.parametrize("url", ["redis://localhost:1", "sentinel://localhost:1"])
def test_a_pooled_connection_is_as_one_that_is_opened_alone(url: str) -> None:
    with producer_app(url) as app:
        own, pooled = transports(app)
    assert pooled is own
    assert not own.__module__.startswith("kombu.")


def test_another_app_in_the_process_keeps_its_own(redis_url: str) -> None:
    with producer_app(redis_url) as ours, Celery(broker=redis_url, set_as_current=False) as other:
        assert transports(ours) != transports(other)
        assert transports(other) == (kombu_redis.Transport, kombu_redis.Transport)


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_version_of_the_protocol_holds_for_messages(redis_url: str, version: str) -> None:
    with Redis.from_url(redis_url) as redis, producer_app(f"{redis_url}?protocol={version}") as app:
        before = {client["id"] for client in redis.client_list()}
        app.send_task(QUERY_TASK, kwargs={"ids": [5001]}, queue=QUEUE)
        after = [client for client in redis.client_list() if client["id"] not in before]
        [version_of_sender] = [client["resp"] for client in after if client["cmd"] == "lpush"]
        assert version_of_sender == version


def test_a_connection_that_is_lost_while_the_queue_is_declared_costs_no_message(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The pool outlives its app, and another test's message to a queue has it declared for all.
    queue = f"revio.{uuid.uuid4().hex}.bulk"
    declare, lost = kombu_redis.Channel._queue_bind, [RedisConnectionError("lost")]

    def lose_once(*args: Any) -> None:
        if lost:
            raise lost.pop()
        declare(*args)

    monkeypatch.setattr(kombu_redis.Channel, "_queue_bind", lose_once)
    with producer_app(redis_url) as app, Redis.from_url(redis_url) as redis:
        app.send_task(QUERY_TASK, kwargs={"ids": [5001]}, queue=queue)
        assert not lost
        assert redis.llen(queue) == 1
