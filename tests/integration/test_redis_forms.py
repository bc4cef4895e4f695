"""Every form of a Redis URL, live: our clients, Celery's broker and Celery's results."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from revio_jobs import Lane, RevioJobs
from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.celery_app import lane_queue, producer_app
from revio_jobs.cluster_check import ClusterRefusedError
from revio_jobs.connection import connect_redis
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.certificates import make_certificates
from tests.cluster_node import cluster_node
from tests.redis_proxy import Proxy, proxy

AWKWARD = "p@ss:/?#[]%;&+ ü"
QUEUE = lane_queue("default", Lane.BULK)
celery_stores = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("redis")
    make_certificates(made)
    return made


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[EmbeddedRedis]:
    """Behind a password, on a port and on a unix socket."""
    options = {"unixsocket": str(directory / "redis.sock")}
    with embedded_redis(password=AWKWARD, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def tls(server: EmbeddedRedis, directory: Path) -> Iterator[Proxy]:
    """The same server behind TLS; it asks for a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    context.load_verify_locations(directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with proxy(server.port, context) as running:
        yield running


FORMS = {
    "redis": "redis://:{password}@127.0.0.1:{port}/3",
    "valkey": "valkey://default:{password}@127.0.0.1:{port}/3",
    "options": "redis://:{password}@127.0.0.1:{port}?db=3&protocol=3&client_name=x"
    "&health_check_interval=30&socket_timeout=10&socket_connect_timeout=3&max_connections=9",
    "unix": "unix://:{password}@{directory}/redis.sock?db=3",
    "redis+socket": "redis+socket://:{password}@{directory}/redis.sock?virtual_host=3",
    "rediss": "rediss://:{password}@127.0.0.1:{tls_port}/3?{certificates}",
    "valkeys": "valkeys://:{password}@127.0.0.1:{tls_port}/3?{certificates}&protocol=3",
}
CERTIFICATES = "ssl_ca_certs={0}/ca.pem&ssl_certfile={0}/client.pem&ssl_keyfile={0}/client.pem"


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def url(request: pytest.FixtureRequest, server: EmbeddedRedis, tls: Proxy, directory: Path) -> str:
    return str(request.param).format(
        password=quote(AWKWARD, safe=""),
        port=server.port,
        tls_port=tls.port,
        directory=directory,
        certificates=CERTIFICATES.format(directory),
    )


def test_producers_reach_the_database_that_it_names(url: str) -> None:
    with RevioJobs.connect(url) as jobs, connect_redis(url) as redis:
        assert jobs.update(id=1, rate="1").submission == "new"
        assert redis.connection_pool.connection_kwargs["db"] == 3
        assert redis.dbsize() > 0
        redis.flushdb()


def test_asyncio_reaches_it_too(url: str) -> None:
    async def submit() -> str:
        async with AsyncRevioJobs.connect(url) as jobs:
            return (await jobs.update(id=1, rate="1")).submission

    assert asyncio.run(submit()) == "new"
    with connect_redis(url) as redis:
        redis.flushdb()


@celery_stores
def test_celery_publishes_and_keeps_results_in_the_same_place(url: str) -> None:
    with producer_app(url) as app, connect_redis(url) as redis:
        app.send_task("t", task_id="one", queue=QUEUE.name)
        assert redis.llen(QUEUE.name) == 1
        with app.connection_for_read() as connection:
            message: Any = connection.SimpleQueue(QUEUE).get(timeout=5)
            assert message.headers["id"] == "one"
            message.ack()
        app.backend.store_result("one", {"found": 1}, "SUCCESS")
        assert redis.exists("celery-task-meta-one")
        assert app.AsyncResult("one").get(timeout=5) == {"found": 1}
        redis.flushdb()


@pytest.mark.parametrize("client", ["ours", "broker", "backend"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: str, tls: Proxy, directory: Path
) -> None:
    key = f"ssl_certfile={directory}/client.pem&ssl_keyfile={directory}/client.pem"
    url = f"rediss://:{quote(AWKWARD, safe='')}@127.0.0.1:{tls.port}/0?{key}"
    with connect_redis(url) as redis, producer_app(url) as app:
        attempts: dict[str, Callable[[], Any]] = {
            "ours": redis.ping,
            "broker": lambda: app.connection_for_write().ensure_connection(max_retries=1),
            "backend": app.backend.client.ping,
        }
        with pytest.raises(Exception, match=r"(?i)certificate.verify.failed"):
            attempts[client]()


def test_an_open_client_goes_on_after_a_fail_over_behind_one_name() -> None:
    with (
        embedded_redis() as old,
        embedded_redis() as new,
        proxy(old.port) as name,
        connect_redis(new.url) as promoted,
        connect_redis(old.url) as demoted,
        RevioJobs.connect(f"redis://127.0.0.1:{name.port}/0") as jobs,
    ):
        jobs.update(id=1, rate="1")
        name.target = new.port
        demoted.replicaof("127.0.0.1", new.port)
        after = jobs.update(id=2, rate="1")
        assert after.submission == "new"
        assert promoted.exists(f"revio:default:job:{after.job_id}")
        assert not after.done()


def test_an_open_asyncio_client_goes_on_after_it_too() -> None:
    async def story(name: Proxy, old: EmbeddedRedis, new: EmbeddedRedis) -> str:
        async with AsyncRevioJobs.connect(f"redis://127.0.0.1:{name.port}/0") as jobs:
            await jobs.update(id=1, rate="1")
            name.target = new.port
            with connect_redis(old.url) as demoted:
                demoted.replicaof("127.0.0.1", new.port)
            return (await jobs.update(id=2, rate="1")).submission

    with embedded_redis() as old, embedded_redis() as new, proxy(old.port) as name:
        assert asyncio.run(story(name, old, new)) == "new"


def test_a_replica_that_stays_one_is_reported_as_a_lost_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("revio_jobs.enqueuer.FAIL_OVER_S", 0.5)
    with (
        embedded_redis() as primary,
        embedded_redis() as replica,
        RevioJobs.connect(replica.url) as jobs,
        connect_redis(replica.url) as redis,
    ):
        redis.replicaof("127.0.0.1", primary.port)
        with pytest.raises(RedisConnectionError, match=r"READONLY: .*read-only replica"):
            jobs.update(id=1, rate="1")


def test_a_node_of_a_cluster_is_refused_by_its_plain_address(tmp_path: Path) -> None:
    async def submit(url: str) -> None:
        async with AsyncRevioJobs.connect(url) as jobs:
            await jobs.update(id=1, rate="1")

    with cluster_node(tmp_path) as node:
        with RevioJobs.connect(node.url) as jobs:
            with pytest.raises(ClusterRefusedError, match="sentinel://"):
                jobs.update(id=1, rate="1")
            with pytest.raises(ClusterRefusedError, match="sentinel://"):
                jobs.query(ids=[1])
        with pytest.raises(ClusterRefusedError, match="sentinel://"):
            asyncio.run(submit(node.url))


def test_a_client_whose_idle_connection_was_dropped_silently_proceeds(
    server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revio_jobs.connection._TRUSTED_S", 0.001)
    login = quote(AWKWARD, safe="")
    with proxy(server.port) as name:
        url = f"redis://:{login}@127.0.0.1:{name.port}/7?socket_timeout=0.5"
        with RevioJobs.connect(url) as jobs:
            jobs.update(id=1, rate="1")
            name.mute()
            time.sleep(0.01)
            assert jobs.update(id=2, rate="1").submission == "new"
    with connect_redis(f"redis://:{login}@127.0.0.1:{server.port}/7") as redis:
        redis.flushdb()
