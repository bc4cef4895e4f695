"""A worker of many accounts: what it asks Redis for, and who gets its threads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kombu import Connection
from redis import Redis

from campaigns.store import RedisRuns
from revio_jobs.celery_app import lane_queue
from revio_jobs.contracts import Lane, parse_queue_name, queue_name
from tests.patience import PATIENCE_S
from worker.celery_app.lane_activity import lane_activity
from worker.celery_app.transport import Transport
from worker.redis_kit.existing import existing

ACCOUNTS = [f"reseller{number}" for number in range(200)]
QUEUES = [lane_queue(account, lane) for account in ACCOUNTS for lane in Lane]
THREADS = 16


class Worker:
    """What of a worker takes messages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.taken: Counter[str] = Counter()
        consumer = connection.Consumer(
            QUEUES, callbacks=[self._take], no_ack=False, prefetch_count=THREADS
        )
        consumer.consume()
        consumer.channel.threads = self.taken

    def _take(self, _: object, message: Any) -> None:
        lane = parse_queue_name(message.delivery_info["routing_key"])
        assert lane
        self.taken[lane[0]] += 1

    def take_all(self, at_least: int = 0) -> None:
        """Until nothing has come for as long as unused queues may be left alone."""
        while self.taken.total() < at_least:
            self._connection.drain_events(timeout=PATIENCE_S)
        try:
            while True:
                self._connection.drain_events(timeout=0.7)
        except TimeoutError:
            return

    def take_until(self, account: str) -> None:
        while not self.taken[account]:
            self._connection.drain_events(timeout=PATIENCE_S)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def worker(redis_url: str) -> Iterator[Worker]:
    with ExitStack() as ends:
        connection = ends.enter_context(Connection(redis_url, transport=Transport))
        yield Worker(connection)


def put(redis: Redis, account: str, count: int, lane: Lane = Lane.BULK) -> None:
    queue = lane_queue(account, lane).name
    message = json.dumps(
        {
            "body": "e30=",
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {},
            "properties": {
                "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": queue},
                "delivery_tag": "a",
            },
        }
    )
    redis.lpush(queue, *[message] * count)


def test_a_busy_account_leaves_threads_for_one_that_has_none(redis: Redis, worker: Worker) -> None:
    put(redis, ACCOUNTS[0], 100)
    worker.take_all(at_least=12)
    assert worker.taken == {ACCOUNTS[0]: 12}
    put(redis, ACCOUNTS[150], 1, Lane.INTERACTIVE)
    worker.take_until(ACCOUNTS[150])
    assert worker.taken[ACCOUNTS[0]] == 12


def test_busy_accounts_have_similar_shares(redis: Redis, worker: Worker) -> None:
    for account in ACCOUNTS[:3]:
        put(redis, account, 100)
        lane_activity.note(queue_name(account, Lane.BULK))
    worker.take_all(at_least=9)
    shares = [worker.taken[account] for account in ACCOUNTS[:3]]
    assert max(shares) <= 2 * min(shares)
    assert 9 <= sum(shares) < THREADS


def test_each_of_many_accounts_is_served(redis: Redis, worker: Worker) -> None:
    for account in ACCOUNTS[:THREADS]:
        put(redis, account, 1)
    worker.take_all(at_least=THREADS)
    assert worker.taken == dict.fromkeys(ACCOUNTS[:THREADS], 1)


def test_idle_accounts_cost_as_few_commands_as_one(redis: Redis, worker: Worker) -> None:
    worker.take_all()
    before = int(redis.info("stats")["total_commands_processed"])
    worker.take_all()
    commands = int(redis.info("stats")["total_commands_processed"]) - before
    assert commands < 200  # in 0.7 s; each queue once would be 1,600


def test_which_of_many_keys_exist_is_found_with_few_commands(redis: Redis) -> None:
    keys = [f"key:{number}" for number in range(1000)]
    present = {"key:0", "key:1", "key:777", "key:999"}
    redis.mset(dict.fromkeys(present, "x"))
    before = int(redis.info("stats")["total_commands_processed"])
    assert existing(redis, keys) == present
    assert int(redis.info("stats")["total_commands_processed"]) - before < 120
    assert existing(redis, ["key:2"]) == set()
    assert existing(redis, []) == set()


def test_accounts_with_campaigns_are_known(redis: Redis) -> None:
    runs = RedisRuns(redis, lease_s=45, keep_s=60)
    redis.sadd(f"revio:{ACCOUNTS[7]}:campaigns:active", "june")
    assert runs.with_active(ACCOUNTS) == {ACCOUNTS[7]}
