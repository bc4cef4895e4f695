"""Messages that a worker holds: its own while it lives, another's when it is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue
from redis import Redis
from redis.exceptions import ResponseError

from revio_jobs.celery_app import lane_queue
from revio_jobs.contracts import Lane
from tests.integration.test_auto_pipeline import cut_scripts_off
from worker.broker import Transport

QUEUE = lane_queue("default", Lane.INTERACTIVE)
VISIBILITY_S = 1.0


class Worker:
    """What of a worker talks to the broker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.messages: list[Any] = []
        consumer = connection.Consumer([QUEUE], callbacks=[self._take], no_ack=False)
        consumer.consume()

    def take(self) -> None:
        self._connection.drain_events(timeout=5)

    def wait_in_vain(self) -> None:
        with pytest.raises(TimeoutError):
            self._connection.drain_events(timeout=0.05)

    def look_round(self) -> None:
        """As the event loop does every few seconds."""
        self._connection.transport.cycle.maybe_restore_messages()

    def _take(self, _: object, message: Any) -> None:
        self.messages.append(message)


@pytest.fixture
def workers(redis_url: str) -> Iterator[list[Worker]]:
    with ExitStack() as ends:
        connections = [
            ends.enter_context(
                Connection(
                    redis_url,
                    transport=Transport,
                    transport_options={"visibility_timeout": VISIBILITY_S},
                )
            )
            for _ in range(2)
        ]
        yield [Worker(each) for each in connections]


@pytest.fixture
def queue(redis_url: str) -> Iterator[SimpleQueue]:
    with Connection(redis_url) as producer:
        yield producer.SimpleQueue(QUEUE)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def test_what_a_worker_holds_goes_to_another_only_when_it_is_silent(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    living, other = workers
    queue.put({"job": 1})
    living.take()
    until = time.monotonic() + 3 * VISIBILITY_S
    while time.monotonic() < until:
        living.look_round()
        other.look_round()
        time.sleep(VISIBILITY_S / 10)
    assert redis.llen(QUEUE.name) == 0

    time.sleep(VISIBILITY_S * 1.1)
    other.look_round()
    other.take()
    assert [each.payload for each in other.messages] == [{"job": 1}]


def test_hosts_whose_clocks_differ_take_nothing_from_each_other(
    workers: list[Worker], queue: SimpleQueue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, other = workers
    living.look_round()
    queue.put({"job": 1})
    living.take()
    monkeypatch.setattr("kombu.transport.redis.time", lambda: time.time() + 3600)
    monkeypatch.setattr("worker.broker.time", lambda: time.time() + 3600)
    for _ in range(5):
        other.look_round()
    assert redis.llen(QUEUE.name) == 0


def test_after_an_outage_everybody_is_heard_before_anything_is_given_away(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    living, other = workers
    queue.put({"job": 1})
    living.take()
    time.sleep(VISIBILITY_S * 1.1)
    for each in (other, living, other, living, other):
        each.look_round()
    assert redis.llen(QUEUE.name) == 0


def test_what_has_ended_is_acknowledged_with_the_next_message_or_when_none_comes(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, _ = workers
    queue.put({"job": 1})
    worker.take()
    worker.messages[0].ack()
    assert held(redis) == [worker.messages[0].delivery_tag]
    queue.put({"job": 2})
    worker.take()
    assert held(redis) == [worker.messages[1].delivery_tag]
    worker.messages[1].ack()
    worker.wait_in_vain()
    worker.wait_in_vain()
    assert held(redis) == []


def test_what_redis_could_not_be_told_is_told_again(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, _ = workers
    queue.put({"job": 1})
    worker.take()
    worker.messages[0].ack()
    redis.config_set("min-replicas-to-write", "1")
    try:
        for _ in range(2):
            with pytest.raises(ResponseError, match="NOREPLICAS"):
                worker.take()
        assert held(redis) == [worker.messages[0].delivery_tag]
    finally:
        redis.config_set("min-replicas-to-write", "0")
    worker.wait_in_vain()
    assert held(redis) == []


def test_a_full_redis_loses_no_message_and_no_acknowledgement(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, _ = workers
    queue.put({"job": 1})
    worker.take()
    queue.put({"job": 2})
    redis.config_set("maxmemory", "1")
    try:
        worker.messages[0].ack()
        worker.take()
        assert held(redis) == [worker.messages[1].delivery_tag]
        worker.messages[1].ack()
        worker.wait_in_vain()
        worker.wait_in_vain()
        assert held(redis) == []
    finally:
        redis.config_set("maxmemory", "0")


def test_a_message_that_a_full_redis_does_not_take_back_comes_again(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, other = workers
    queue.put({"job": 1})
    worker.take()
    redis.config_set("maxmemory", "1")
    try:
        worker.messages[0].reject(requeue=True)
        assert held(redis) == [worker.messages[0].delivery_tag]
    finally:
        redis.config_set("maxmemory", "0")
    until = time.monotonic() + 1.1 * VISIBILITY_S
    while time.monotonic() < until:
        worker.look_round()
        other.look_round()
        time.sleep(VISIBILITY_S / 10)
    other.look_round()
    other.take()
    assert [each.payload for each in other.messages] == [{"job": 1}]


def test_a_message_is_held_though_the_connection_was_lost_just_then(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, _ = workers
    for number in range(5):
        queue.put({"job": number})
        worker.take()
        cut_scripts_off(redis)
    assert [each.payload for each in worker.messages] == [{"job": each} for each in range(5)]
    assert sorted(held(redis)) == sorted(each.delivery_tag for each in worker.messages)


def test_a_foreign_message_that_is_hardly_json_is_held_too(
    workers: list[Worker], queue: SimpleQueue, redis: Redis
) -> None:
    worker, _ = workers
    queue.put({"job": 1}, headers={"number": 2**70, "half": "\ud800"})
    worker.take()
    assert held(redis) == [worker.messages[0].delivery_tag]


def held(redis: Redis) -> list[str]:
    """Delivery tags of what workers hold."""
    tags = redis.hkeys("unacked")
    assert sorted(tags) == sorted(redis.zrange("unacked_index", 0, -1))
    return [tag.decode() for tag in tags]
