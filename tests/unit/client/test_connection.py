"""One address leads everywhere to the same Redis."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import pytest
from celery import Celery
from redis import BlockingConnectionPool, SSLConnection
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection

from revio_jobs.celery_app import connection_settings, producer_app
from revio_jobs.connection import connect_redis, connect_redis_async
from worker.celery_app.result_backend import OutcomeBackend, SentinelOutcomeBackend, backend_url

SENTINELS = "sentinel://user:p%40ss@one:1/3;sentinel://two"


def options(client: Any) -> dict[str, Any]:
    kept: dict[str, Any] = client.connection_pool.connection_kwargs
    return kept


def test_one_server_is_reached_as_its_address_says() -> None:
    with connect_redis("redis://user:p%40ss@host:6380/2", timeout_s=3) as redis:
        known = options(redis)
    expected = {"host": "host", "port": 6380, "db": 2, "username": "user", "password": "p@ss"}
    assert expected.items() <= known.items()
    assert (known["socket_timeout"], known["socket_connect_timeout"]) == (3, 3)


def test_the_master_is_asked_of_each_sentinel_and_has_the_firsts_login() -> None:
    with connect_redis(SENTINELS, "prices") as redis:
        pool, known = redis.connection_pool, options(redis)
    assert pool.service_name == "prices"
    asked = [options(sentinel) for sentinel in pool.sentinel_manager.sentinels]
    assert [(job["host"], job["port"]) for job in asked] == [("one", 1), ("two", 26379)]
    assert {"db": 3, "username": "user", "password": "p@ss"}.items() <= known.items()
    assert not any(job.get("password") for job in asked)


@pytest.mark.parametrize("url", ["redis://host", "rediss://host", SENTINELS])
@pytest.mark.parametrize("connect", [connect_redis, connect_redis_async])
def test_callers_share_a_bounded_number_of_connections(
    connect: Callable[[str], Any], url: str
) -> None:
    pool = connect(url).connection_pool
    assert isinstance(pool, BlockingConnectionPool | AsyncBlockingConnectionPool)
    assert (pool.max_connections, pool.timeout) == (64, 20)
    is_tls = issubclass(pool.connection_class, SSLConnection | AsyncSSLConnection)
    assert is_tls == url.startswith("rediss")


def test_a_connection_that_another_thread_takes_is_not_closed_under_it(redis_url: str) -> None:
    taken = []
    with connect_redis(redis_url) as redis, ThreadPoolExecutor(1) as threads:
        pool = redis.connection_pool
        idle = [pool.get_connection(), pool.get_connection()]

        def take_and_send() -> Any:
            connection = pool.get_connection()
            connection.send_command("PING")
            return connection

        def close_late(connection: Any) -> None:
            if not taken:
                taken.append(threads.submit(take_and_send))
                wait(taken, timeout=0.2)
            type(connection).disconnect(connection)

        for connection in idle:
            connection.disconnect = partial(close_late, connection)
            pool.release(connection)
        pool.disconnect(inuse_connections=False)
        in_use = taken[0].result()
        assert in_use.read_response() == b"PONG"
        pool.release(in_use)


def test_another_address_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with redis://"):
        connect_redis("http://host")


@pytest.mark.parametrize(
    ("url", "kind"), [("redis://host", OutcomeBackend), (SENTINELS, SentinelOutcomeBackend)]
)
def test_results_are_kept_on_the_same_redis(url: str, kind: type) -> None:
    result_backend = connection_settings(url, "mymaster")["result_backend"]
    with Celery(backend=backend_url(result_backend), set_as_current=False) as app:
        assert type(app.backend) is kind


def test_producers_ask_the_sentinels_for_the_same_master() -> None:
    with producer_app(SENTINELS, "prices") as app:
        assert app.conf.broker_transport_options["master_name"] == "prices"
        assert app.conf.result_backend_transport_options["master_name"] == "prices"


def test_producers_connect_as_their_url_says_whatever_the_environment_gives_to_other_apps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BROKER_URL", "BROKER_READ_URL", "BROKER_WRITE_URL", "RESULT_BACKEND"):
        monkeypatch.setenv(f"CELERY_{name}", "redis://elsewhere/0")
    with producer_app("redis://here/0") as app:
        leads_to = [
            app.connection_for_read().hostname,
            app.connection_for_write().hostname,
            app.backend.connparams["host"],
        ]
    assert leads_to == ["here", "here", "here"]
