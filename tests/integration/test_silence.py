"""Connections that fall silent together: the first that is noticed spares the others a timeout."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from kombu import Connection, Exchange, Queue
from redis import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.celery_app import WIRE_SETTINGS, connection_settings, producer_app
from revio_jobs.connection import connect_redis, connect_redis_async
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.patience import PATIENCE_S, wait_until
from tests.redis_proxy import Proxy, proxy
from tests.redis_sentinel import OWN_PASSWORD, sentinel_of
from worker.celery_app.result_backend import OutcomeBackend
from worker.celery_app.transport import Transport
from worker.redis_kit.auto_pipeline import AutoPipeline

SILENCE_S = 0.6
OPTIONS = f"?socket_timeout={SILENCE_S}"
PATIENT = f"?socket_timeout={PATIENCE_S}"


@pytest.fixture(autouse=True)
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is tried by a PING, however slowly a test goes on."""
    for module in ("connection", "celery_app"):
        monkeypatch.setattr(f"revio_jobs.{module}.TRUSTED_S", PATIENCE_S)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with embedded_redis() as running:
        yield running


@pytest.fixture
def name(server: EmbeddedRedis) -> Iterator[Proxy]:
    with proxy(server.port) as running:
        yield running


@pytest.fixture
def url(name: Proxy) -> str:
    return f"redis://127.0.0.1:{name.port}/0{OPTIONS}"


@pytest.fixture
def patient_url(name: Proxy) -> str:
    return f"redis://127.0.0.1:{name.port}/0{PATIENT}"


def patiently(ask: Callable[[], Any]) -> Any:
    """The answer, however often it comes too late on a busy machine."""
    gives_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except RedisError:
            assert time.monotonic() < gives_up


@contextmanager
def a_client(url: str) -> Iterator[Callable[[], Any]]:
    with connect_redis(url) as redis:
        yield redis.ping


@contextmanager
def a_workers_client(url: str) -> Iterator[Callable[[], Any]]:
    with connect_redis(url, kind=AutoPipeline) as redis:
        script = redis.register_script("return 1")
        yield script


@contextmanager
def an_asyncio_client(url: str) -> Iterator[Callable[[], Any]]:
    async def connect() -> Any:
        return connect_redis_async(url)

    with asyncio.Runner() as loop:
        redis = loop.run(connect())
        yield lambda: loop.run(redis.ping())
        loop.run(redis.aclose())


@contextmanager
def a_raw_producer(url: str) -> Iterator[Callable[[], Any]]:
    with producer_app(url) as app, app.connection_for_write() as connection:
        yield connection.default_channel.client.ping


@contextmanager
def a_workers_broker(url: str) -> Iterator[Callable[[], Any]]:
    options = connection_settings(url, "mymaster")["broker_transport_options"]
    with Connection(
        url.partition("?")[0], transport=Transport, transport_options=options
    ) as broker:
        yield broker.default_channel.client.ping


@contextmanager
def a_workers_results(url: str) -> Iterator[Callable[[], Any]]:
    with producer_app(url) as app:
        backend = OutcomeBackend(app=app, url=app.conf.result_backend)
        yield backend.client.ping
        backend.client.close()


KINDS = [
    a_client,
    a_workers_client,
    an_asyncio_client,
    a_raw_producer,
    a_workers_broker,
    a_workers_results,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_one_connection_shows_the_others_of_the_process_heed(
    kind: Callable[[str], Any], name: Proxy, url: str, patient_url: str
) -> None:
    with kind(patient_url) as use, connect_redis(url) as another:
        use()
        patiently(another.ping)
        name.mute()
        with pytest.raises(RedisTimeoutError):
            another.ping()
        began = time.monotonic()
        assert use()
        assert time.monotonic() - began < PATIENCE_S / 2


def test_all_connections_of_a_pool_cost_one_timeout_together(name: Proxy, url: str) -> None:
    with connect_redis(url) as redis:
        pool = redis.connection_pool
        connections = [patiently(pool.get_connection) for _ in range(5)]
        muted = {connection._sock for connection in connections}
        for connection in connections:
            pool.release(connection)
        name.mute()
        with pytest.raises(RedisTimeoutError):
            redis.ping()
        connections = [patiently(pool.get_connection) for _ in range(5)]
        assert not muted & {connection._sock for connection in connections}
        for connection in connections:
            pool.release(connection)


def test_a_connection_that_was_idle_is_tried_for_a_shorter_time_than_a_script(
    name: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def twice_async(url: str) -> None:
        async with connect_redis_async(url) as redis:
            await redis.ping()
            name.mute()
            await redis.ping()

    monkeypatch.setattr("revio_jobs.connection.TRUSTED_S", 1e-6)
    monkeypatch.setattr("revio_jobs.silence._PING_S", 0.2)
    url = f"redis://127.0.0.1:{name.port}/0{PATIENT}"
    began = time.monotonic()
    with connect_redis(url) as redis:
        redis.ping()
        name.mute()
        redis.ping()
        assert redis.connection_pool.get_connection()._sock.gettimeout() == PATIENCE_S
    asyncio.run(twice_async(url))
    assert time.monotonic() - began < PATIENCE_S / 2


def test_a_connection_that_was_heard_meanwhile_stays_open(
    name: Proxy, url: str, patient_url: str
) -> None:
    with connect_redis(url) as silent, connect_redis(patient_url) as sound:
        connection: Any = patiently(silent.connection_pool.get_connection)
        silent.connection_pool.release(connection)
        name.mute()
        sound.ping()
        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(silent.ping)
            wait_until(lambda: connection.waited_s)
            sound.ping()
            opened = sound.client_id()
            with pytest.raises(RedisTimeoutError):
                asking.result()
        assert sound.client_id() == opened


def test_a_subscription_without_messages_is_not_silence(url: str, patient_url: str) -> None:
    with (
        connect_redis(url) as redis,
        connect_redis(patient_url) as other,
        redis.pubsub() as subscription,
    ):
        opened = other.client_id()
        patiently(lambda: subscription.subscribe("news"))
        assert subscription.get_message(timeout=PATIENCE_S)
        with pytest.raises(RedisTimeoutError):
            cast("Any", subscription.connection).read_response()
        assert other.client_id() == opened


def test_connections_to_sentinels_heed_it_too(
    server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WIRE_SETTINGS, "redis_socket_connect_timeout", PATIENCE_S)
    with sentinel_of(tmp_path, server.port, "") as port, proxy(port) as name:
        password = quote(OWN_PASSWORD, safe="")
        url = f"sentinel://127.0.0.1:{name.port}/0{PATIENT}&sentinel_password={password}"
        with connect_redis(url, timeout_s=SILENCE_S) as redis, producer_app(url) as app:
            channel = app.connection_for_write().default_channel
            pools: list[Any] = [redis.connection_pool, channel.client.connection_pool]
            first, second = (pool.sentinel_manager.sentinels[0] for pool in pools)
            assert patiently(first.ping)
            assert second.ping()
            name.mute()
            with pytest.raises(RedisTimeoutError):
                first.ping()
            began = time.monotonic()
            assert second.ping()
            assert time.monotonic() - began < PATIENCE_S / 2


@contextmanager
def frozen(server: EmbeddedRedis) -> Iterator[None]:
    pid = cast("int", server.pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_frozen_redis_causes_no_storm_of_connections(server: EmbeddedRedis) -> None:
    threads, frozen_s = 8, 3 * SILENCE_S
    url = f"{server.url}{OPTIONS}&socket_connect_timeout={SILENCE_S}"

    def use(redis: Redis, until: float) -> None:
        while time.monotonic() < until:
            with suppress(RedisError):
                redis.ping()

    with Redis(port=server.port) as direct, connect_redis(url) as redis, ExitStack() as ends:
        workers = ends.enter_context(ThreadPoolExecutor(threads))
        list(workers.map(lambda _: patiently(redis.ping), range(threads)))
        before = direct.info("stats")["total_connections_received"]
        with frozen(server):
            until = time.monotonic() + frozen_s
            list(workers.map(lambda _: use(redis, until), range(threads)))
        assert patiently(redis.ping)
        opened = direct.info("stats")["total_connections_received"] - before
    # One for each thread and timeout, and the two that are not full.
    assert opened <= threads * (frozen_s / SILENCE_S + 2)


def test_a_script_whose_answer_was_lost_is_carried_out_once(server: EmbeddedRedis) -> None:
    with (
        connect_redis(f"{server.url}{OPTIONS}", kind=AutoPipeline) as redis,
        connect_redis(f"{server.url}{PATIENT}") as patient,
    ):
        count = redis.register_script("return redis.call('INCR', KEYS[1])")
        assert patiently(lambda: count(keys=["another"]))
        with frozen(server), pytest.raises(RedisTimeoutError):
            count(keys=["counter"])
        assert patient.get("counter") == b"1"


def test_who_listens_for_events_hears_them_again(
    server: EmbeddedRedis, name: Proxy, patient_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Flower does, without an event loop of kombu's, and with nothing to send by itself."""
    monkeypatch.setattr("worker.celery_app.poller.TRUSTED_S", 0.1)
    monkeypatch.setattr("worker.celery_app.poller._ANSWERED_WITHIN_S", 0.3)
    monkeypatch.setattr("revio_jobs.celery_app.TRUSTED_S", 1e-6)
    options = connection_settings(patient_url, "mymaster")["broker_transport_options"]
    exchange, heard = Exchange("news", type="fanout"), []

    def broker(port: int) -> Connection:
        return Connection(
            f"redis://127.0.0.1:{port}/0", transport=Transport, transport_options=options
        )

    def hear(_body: object, message: Any) -> None:
        heard.append(message.payload)

    with broker(name.port) as listener, broker(server.port) as speaker:
        queue = Queue("ears", exchange, auto_delete=True)
        with (
            listener.Consumer([queue], callbacks=[hear], no_ack=True),
            speaker.Producer() as producer,
        ):
            gives_up = time.monotonic() + PATIENCE_S

            def listen_until(news: str) -> None:
                while news not in heard:
                    assert time.monotonic() < gives_up
                    producer.publish(news, exchange=exchange, declare=[queue])
                    with suppress(TimeoutError):
                        listener.drain_events(timeout=0.2)

            listen_until("before")
            name.mute()
            listen_until("after")
