"""Messages that a worker holds: its own while it lives, another's when it is silent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

from revio_jobs.broker import HELD, HELD_AT
from revio_jobs.celery_app import lane_queue
from revio_jobs.contracts import UPDATE_TASK, Lane
from tests.integration.test_auto_pipeline import cut_scripts_off
from tests.patience import PATIENCE_S, wait_until
from worker.celery_app.transport import Transport

QUEUE = lane_queue("default", Lane.INTERACTIVE)
VISIBILITY_S = 600.0


def scripts_run(redis: Redis) -> int:
    return int(redis.info("commandstats")["cmdstat_evalsha"]["calls"])


class Worker:
    """What of a worker talks to the broker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.messages: list[Any] = []
        consumer = connection.Consumer([QUEUE], callbacks=[self._take], no_ack=False)
        consumer.consume()

    @property
    def jobs(self) -> list[int]:
        """Of the messages that it was given, in their order."""
        return [message.payload["job"] for message in self.messages]

    @property
    def tags(self) -> list[str]:
        """Of these messages."""
        return [message.delivery_tag for message in self.messages]

    def take(self) -> None:
        self._connection.drain_events(timeout=PATIENCE_S)

    def take_until(self, count: int) -> None:
        while len(self.messages) < count:
            self.take()

    def ask_and_lose_the_answer(self) -> None:
        """Redis has carried out the request when the connection ends."""
        transport = self._connection.transport
        [channel] = [
            open_channel for open_channel in transport.cycle._channels if open_channel.active_queues
        ]
        channel._quiet_until = 0.0
        transport.cycle.on_poll_start()
        time.sleep(0.1)
        channel.client.connection.disconnect()

    def reject_later(self, message: Any, seconds: float, *, count: bool) -> None:
        message.channel.qos.put_off(message.delivery_tag, seconds, count=count)
        message.reject(requeue=True)

    def wait(self, seconds: float) -> None:
        self._connection.drain_events(timeout=seconds)

    def wait_in_vain(self) -> None:
        with pytest.raises(TimeoutError):
            self._connection.drain_events(timeout=0.05)

    def look_round(self) -> None:
        """As the event loop does every few seconds."""
        self._connection.transport.cycle.renew_and_restore()

    def _take(self, _: object, message: Any) -> None:
        self.messages.append(message)


class Place:
    """Two workers at one queue, of which the first has taken job 1."""

    def __init__(self, redis: Redis, queue: SimpleQueue, first: Worker, second: Worker) -> None:
        self.redis = redis
        self._queue = queue
        self.first = first
        self.second = second
        second.look_round()
        self.put(1)
        first.take()

    def put(self, job: int, **options: Any) -> None:
        self._queue.put({"job": job}, **options)

    def queued(self) -> int:
        return int(self.redis.llen(QUEUE.name))

    def held(self) -> list[str]:
        """Delivery tags of what workers hold."""
        tags = self.redis.hkeys(HELD)
        assert sorted(tags) == sorted(self.redis.zrange(HELD_AT, 0, -1))
        return [tag.decode() for tag in tags]

    def let_pass(self, seconds: float, *looking: Worker) -> None:
        """These look round meanwhile. Nobody waits: what is held was last said to be so earlier."""
        for _ in range(10):
            for tag in self.redis.zrange(HELD_AT, 0, -1):
                self.redis.zincrby(HELD_AT, -seconds / 10, tag)
            for job in looking:
                job.look_round()

    def tell_all(self, worker: Worker) -> None:
        """Until the worker has acknowledged all that it was given."""

        def is_told() -> bool:
            worker.wait_in_vain()
            return not self.held()

        wait_until(is_told)

    @contextmanager
    def refusing(self, setting: str) -> Iterator[None]:
        """Redis refuses to write meanwhile, for that setting's sake."""
        self.redis.config_set(setting, "1")
        try:
            yield
        finally:
            self.redis.config_set(setting, "0")


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    with ExitStack() as ends:
        options = {"visibility_timeout": VISIBILITY_S}
        first, second = (
            Connection(redis_url, transport=Transport, transport_options=options) for _ in range(2)
        )
        for job in (first, second):
            ends.enter_context(job)
        producer = ends.enter_context(Connection(redis_url))
        redis = ends.enter_context(Redis.from_url(redis_url))
        yield Place(redis, producer.SimpleQueue(QUEUE), Worker(first), Worker(second))


def test_what_a_worker_holds_goes_to_another_only_when_it_is_silent(place: Place) -> None:
    place.let_pass(3 * VISIBILITY_S, place.first, place.second)
    assert place.queued() == 0
    place.let_pass(1.1 * VISIBILITY_S)
    place.second.look_round()
    place.second.take()
    assert place.second.jobs == [1]


def test_hosts_whose_clocks_differ_take_nothing_from_each_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.first.look_round()
    monkeypatch.setattr("kombu.transport.redis.time", lambda: time.time() + 3600)
    for _ in range(5):
        place.second.look_round()
    assert place.queued() == 0


def test_after_an_outage_everybody_is_heard_before_anything_is_given_away(place: Place) -> None:
    place.let_pass(1.1 * VISIBILITY_S)
    for job in (place.first, place.second, place.first, place.second):
        job.look_round()
    assert place.queued() == 0


def test_what_has_ended_is_acknowledged_with_the_next_message_or_when_none_comes(
    place: Place,
) -> None:
    worker = place.first
    worker.messages[0].ack()
    assert place.held() == worker.tags
    place.put(2)
    worker.take()
    assert place.held() == worker.tags[1:]
    worker.messages[1].ack()
    place.tell_all(worker)


def test_what_redis_could_not_be_told_is_told_again(place: Place) -> None:
    worker = place.first
    worker.messages[0].ack()
    with place.refusing("min-replicas-to-write"):
        for _ in range(2):
            with pytest.raises(ResponseError, match="NOREPLICAS"):
                worker.take()
        assert place.held() == worker.tags
    place.tell_all(worker)


def test_a_full_redis_loses_no_message_and_no_acknowledgement(place: Place) -> None:
    worker = place.first
    place.put(2)
    with place.refusing("maxmemory"):
        worker.messages[0].ack()
        worker.take()
        assert place.held() == worker.tags[1:]
        worker.messages[1].ack()
        place.tell_all(worker)


def test_a_full_redis_takes_a_message_back(place: Place) -> None:
    with place.refusing("maxmemory"):
        place.first.messages[0].reject(requeue=True)
        assert place.held() == []
        assert place.queued() == 1


def test_a_message_that_redis_does_not_take_back_comes_again(place: Place) -> None:
    with place.refusing("min-replicas-to-write"):
        place.first.messages[0].reject(requeue=True)
        assert place.held() == place.first.tags
    place.let_pass(1.1 * VISIBILITY_S, place.first, place.second)
    place.second.look_round()
    place.second.take()
    assert place.second.jobs == [1]


def test_messages_come_though_the_connection_is_lost_again_and_again(place: Place) -> None:
    for job in range(2, 6):
        cut_scripts_off(place.redis)
        place.put(job)
        with suppress(ConnectionLost):
            place.first.take()
        while len(place.first.jobs) < job:
            place.first.take()
    assert place.first.jobs == [1, 2, 3, 4, 5]
    assert sorted(place.held()) == sorted(place.first.tags)


def test_what_was_taken_but_never_heard_of_goes_back_and_comes_again(place: Place) -> None:
    for job in (2, 3):
        place.put(job)
    place.first.ask_and_lose_the_answer()
    assert len(place.held()) == 3
    assert place.queued() == 0
    while len(place.first.jobs) < 3:
        place.first.take()
    assert place.first.jobs == [1, 2, 3]
    assert sorted(place.held()) == sorted(place.first.tags)


def test_a_message_keeps_its_number_whoever_takes_it_again(place: Place) -> None:
    for job in (2, 3):
        place.put(job, headers={"task": UPDATE_TASK})
    place.first.take_until(3)
    numbers = [message.headers.get("revio_place") for message in place.first.messages]
    place.let_pass(1.1 * VISIBILITY_S)
    place.put(4, headers={"task": UPDATE_TASK})
    for _ in range(3):
        place.second.look_round()
    place.second.take_until(4)
    assert place.second.jobs[-1] == 4
    again = {m.payload["job"]: m.headers.get("revio_place") for m in place.second.messages}
    assert [again[1], again[2], again[3]] == numbers == [None, 1, 2]
    assert again[4] == 3


def test_a_message_that_is_put_off_comes_at_its_time_as_it_was_with_its_attempt_counted(
    place: Place,
) -> None:
    first, sent = place.first, place.first.messages[0]
    began = time.monotonic()
    first.reject_later(sent, 0.3, count=True)
    assert first.jobs == [1]
    first.take_until(2)
    assert time.monotonic() - began > 0.25
    came = first.messages[1]
    assert came.headers.pop("retries") == 1
    assert (came.body, came.headers) == (sent.body, sent.headers)
    first.reject_later(came, 0.1, count=False)
    first.take_until(3)
    assert first.messages[2].headers["retries"] == 1


def test_a_message_that_waits_for_another_comes_to_the_back_of_its_queue(place: Place) -> None:
    first, sent = place.first, place.first.messages[0]
    place.put(2)
    place.put(3)
    first.reject_later(sent, 0.01, count=False)
    time.sleep(0.05)
    first.take_until(4)
    assert first.jobs == [1, 2, 3, 1]


def test_urgent_messages_go_first_and_all_queues_of_a_priority_have_their_share(
    place: Place,
) -> None:
    for job in (2, 3):
        place.put(job, priority=9)
    for job in (4, 5):
        place.put(job)
    place.first.take_until(5)
    assert place.first.jobs == [1, 4, 5, 2, 3]


def test_a_message_of_another_queue_than_the_workers_is_left_alone(place: Place) -> None:
    place.redis.lpush("celery", "{}")
    place.first.wait_in_vain()
    assert place.redis.llen("celery") == 1


def test_idle_workers_ask_seldom_and_hear_soon(place: Place) -> None:
    def asked_per_second() -> float:
        before, began = scripts_run(place.redis), time.monotonic()
        with pytest.raises(TimeoutError):
            place.first.wait(1.0)
        seconds = time.monotonic() - began
        return (scripts_run(place.redis) - before) / seconds

    def asks_often_enough() -> bool:
        """In some second: a busy machine lets it ask less often in others."""
        rate = asked_per_second()
        assert rate < 50
        return rate > 10

    wait_until(asks_often_enough)


@pytest.mark.parametrize("said", [{"exchange": "celery", "routing_key": "celery"}, None])
def test_a_message_counts_for_the_queue_that_it_came_by_whatever_it_says_itself(
    place: Place, said: dict[str, str] | None
) -> None:
    properties = {"delivery_info": said, "body_encoding": "base64", "delivery_mode": 2}
    message = {"body": "e30=", "content-type": "application/json", "content-encoding": "utf-8"}
    text = json.dumps({**message, "headers": {}, "properties": properties})
    place.redis.lpush(QUEUE.name, text)
    place.first.take()
    assert place.first.messages[-1].delivery_info["routing_key"] == QUEUE.name


def test_a_foreign_message_that_is_hardly_json_is_held_too(place: Place) -> None:
    place.put(2, headers={"number": 2**70, "half": "\ud800"})
    place.first.take()
    assert sorted(place.held()) == sorted(place.first.tags)


@pytest.mark.parametrize("version", [2, 3])
def test_a_workers_connections_speak_the_version_of_the_protocol_that_they_are_given(
    redis_url: str, version: int
) -> None:
    options = {"protocol": version}
    with Connection(redis_url, transport=Transport, transport_options=options) as connection:
        pool = connection.default_channel.client.connection_pool
        used = pool.get_connection()
        assert used.protocol == version
        pool.release(used)
