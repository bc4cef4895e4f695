"""Every form of a Redis URL, live: our clients, Celery's broker and Celery's results."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Formatter
from threading import Barrier
from typing import Any
from urllib.parse import quote

import pytest
from redis import SSLConnection
from redis.connection import DEFAULT_RESP_VERSION
from redis.exceptions import ConnectionError as RedisConnectionError

from revio_jobs import Lane, RevioJobs
from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.celery_app import lane_queue, producer_app
from revio_jobs.cluster_check import ClusterRefusedError
from revio_jobs.connection import connect_redis, connect_redis_async
from revio_jobs.redis_address import parse_redis_url
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis, free_port
from tests.certificates import make_certificates
from tests.cluster_node import cluster_node
from tests.patience import PATIENCE_S
from tests.redis_proxy import Proxy, proxy
from tests.redis_sentinel import OWN_PASSWORD, sentinel_of
from tests.tls_program import tls_options, tls_program

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
def tls_context(directory: Path) -> ssl.SSLContext:
    """It asks for a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    context.load_verify_locations(directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture(scope="module")
def tls_port(server: EmbeddedRedis, tls_context: ssl.SSLContext) -> Iterator[int]:
    """The same server behind TLS."""
    with proxy(server.port, tls_context) as running:
        yield running.port


@pytest.fixture(scope="module")
def own_tls_port(directory: Path) -> Iterator[int]:
    """A server that speaks TLS itself."""
    port = free_port()
    options = tls_options(directory, port)
    server = EmbeddedRedis(tls_program(), directory, free_port(), AWKWARD, options, 20)
    server.start()
    yield port
    server.stop()


@pytest.fixture(scope="module")
def sentinel_port(server: EmbeddedRedis, directory: Path) -> Iterator[int]:
    with sentinel_of(directory, server.port, AWKWARD) as port:
        yield port


@pytest.fixture(scope="module")
def sentinels_port(
    server: EmbeddedRedis, directory: Path, tls_context: ssl.SSLContext
) -> Iterator[int]:
    """A sentinel behind TLS. It names a port where the master answers it without, and us with."""
    with (
        proxy(server.port, tls_context, takes_plain=True) as master,
        sentinel_of(directory, master.port, AWKWARD) as port,
        proxy(port, tls_context) as running,
    ):
        yield running.port


@pytest.fixture(scope="module")
def own_sentinels_port(directory: Path, own_tls_port: int) -> Iterator[int]:
    """A sentinel that speaks TLS itself, to its master too."""
    port = free_port()
    options = tls_options(directory, port) | {"tls-replication": "yes"}
    with sentinel_of(directory, own_tls_port, AWKWARD, program=tls_program(), options=options):
        yield port


FORMS = {
    "redis": "redis://:{password}@127.0.0.1:{server.port}/3",
    "valkey": "valkey://default:{password}@127.0.0.1:{server.port}/3",
    "options": "redis://:{password}@127.0.0.1:{server.port}?db=3&protocol=2&client_name=x"
    "&health_check_interval=30&socket_timeout=10&socket_connect_timeout=3&max_connections=9",
    "unix": "unix://:{password}@{directory}/redis.sock?db=3&protocol=2",
    "redis+socket": "redis+socket://:{password}@{directory}/redis.sock?virtual_host=3",
    "rediss": "rediss://:{password}@127.0.0.1:{tls_port}/3?{certificates}",
    "valkeys": "valkeys://:{password}@127.0.0.1:{tls_port}/3?{certificates}&protocol=3",
    "rediss itself": "rediss://:{password}@127.0.0.1:{own_tls_port}/3?{certificates}",
    "sentinel": "sentinel://:{password}@127.0.0.1:{sentinel_port}/3?sentinel_password={own}",
    "sentinels": "sentinels://:{password}@127.0.0.1:{sentinels_port}/3?sentinel_password={own}"
    "&{certificates}",
    "sentinels themselves": "sentinels://:{password}@127.0.0.1:{own_sentinels_port}/3"
    "?sentinel_password={own}&{certificates}",
}
CERTIFICATES = "ssl_ca_certs={0}/ca.pem&ssl_certfile={0}/client.pem&ssl_keyfile={0}/client.pem"


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def url(request: pytest.FixtureRequest, directory: Path) -> str:
    """Only the servers that it names are started."""
    form = str(request.param)
    names = {name.partition(".")[0] for _, name, _, _ in Formatter().parse(form) if name}
    texts = {
        "password": quote(AWKWARD, safe=""),
        "own": quote(OWN_PASSWORD, safe=""),
        "certificates": CERTIFICATES.format(directory),
    }
    return form.format(**{name: texts.get(name) or request.getfixturevalue(name) for name in names})


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
            message: Any = connection.SimpleQueue(QUEUE).get(timeout=PATIENCE_S)
            assert message.headers["id"] == "one"
            message.ack()
        app.backend.store_result("one", {"found": 1}, "SUCCESS")
        assert redis.exists("celery-task-meta-one")
        assert app.AsyncResult("one").get(timeout=PATIENCE_S) == {"found": 1}
        redis.flushdb()


def test_all_speak_tls_and_the_version_of_the_protocol_as_it_says(url: str) -> None:
    address = parse_redis_url(url)
    version = address.connection.get("protocol", DEFAULT_RESP_VERSION)
    with producer_app(url) as app, connect_redis(url) as redis:
        channel = app.connection_for_write().default_channel
        for client in (redis, channel.client, app.backend.client):
            connection = client.connection_pool.get_connection()
            assert connection.protocol == version
            assert isinstance(connection, SSLConnection) == address.uses_tls
            client.connection_pool.release(connection)


@pytest.mark.parametrize(
    ("client", "form"),
    [("ours", "rediss"), ("broker", "rediss"), ("backend", "rediss"), ("ours", "sentinels")],
)
def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: str, form: str, tls_port: int, sentinels_port: int, directory: Path
) -> None:
    port = tls_port if form == "rediss" else sentinels_port
    key = f"ssl_certfile={directory}/client.pem&ssl_keyfile={directory}/client.pem"
    url = f"{form}://:{quote(AWKWARD, safe='')}@127.0.0.1:{port}/0?{key}"
    with connect_redis(url) as redis, producer_app(url) as app:
        attempts: dict[str, Callable[[], Any]] = {
            "ours": redis.ping,
            "broker": lambda: app.connection_for_write().ensure_connection(max_retries=1),
            "backend": app.backend.client.ping,
        }
        with pytest.raises(Exception, match=r"(?i)certificate.verify.failed"):
            attempts[client]()


@pytest.mark.parametrize(
    ("own", "master", "reason"),
    [("wrong", "mymaster", "(?i)invalid|wrongpass"), (OWN_PASSWORD, "other", "knows no master")],
)
def test_it_says_why_no_sentinel_names_a_master(
    sentinel_port: int, own: str, master: str, reason: str
) -> None:
    async def ping() -> None:
        async with connect_redis_async(url, master) as redis:
            await redis.ping()

    url = f"sentinel://127.0.0.1:{sentinel_port}?sentinel_password={quote(own, safe='')}"
    with connect_redis(url, master) as redis, pytest.raises(RedisConnectionError, match=reason):
        redis.ping()
    with pytest.raises(RedisConnectionError, match=reason):
        asyncio.run(ping())


@pytest.mark.parametrize("url", [FORMS["sentinel"]], ids=["sentinel"], indirect=True)
def test_threads_that_find_the_master_at_the_same_time_leave_each_other_alone(url: str) -> None:
    together = Barrier(8)

    def ping(redis: Any) -> bool:
        together.wait()
        return bool(redis.ping())

    with ThreadPoolExecutor(together.parties) as threads:
        for _ in range(20):
            with connect_redis(url) as redis:
                assert all(threads.map(ping, [redis] * together.parties))


@pytest.mark.parametrize("url", [FORMS["sentinel"]], ids=["sentinel"], indirect=True)
def test_only_the_end_of_a_pool_closes_connections_to_sentinels_that_are_in_use(url: str) -> None:
    async def find_master() -> None:
        async with connect_redis_async(url) as redis:
            pool: Any = redis.connection_pool
            asking: Any = await pool.sentinel_manager.sentinels[0].client()
            await asking.ping()
            stands = asking.connection._writer
            await redis.ping()
            assert asking.connection._writer is stands
            await pool.disconnect()
            assert asking.connection._writer is None
            await asking.aclose()

    with connect_redis(url) as redis:
        pool: Any = redis.connection_pool
        asking: Any = pool.sentinel_manager.sentinels[0].client()
        asking.ping()
        stands = asking.connection._sock
        redis.ping()
        assert asking.connection._sock is stands
        pool.disconnect()
        assert asking.connection._sock is None
        asking.close()
    asyncio.run(find_master())


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


@pytest.mark.parametrize("trusted_s", [1e-6, 3], ids=["idle", "just used"])
@pytest.mark.parametrize("submit", ["client", "asyncio"])
def test_a_client_whose_connection_was_dropped_silently_proceeds(
    submit: str, trusted_s: float, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(url: str, name: Proxy) -> str:
        with RevioJobs.connect(url) as jobs:
            jobs.update(id=1, rate="1")
            name.mute()
            time.sleep(0.01)
            return jobs.update(id=2, rate="1").submission

    async def twice_async(url: str, name: Proxy) -> str:
        async with AsyncRevioJobs.connect(url) as jobs:
            await jobs.update(id=1, rate="1")
            name.mute()
            await asyncio.sleep(0.01)
            return (await jobs.update(id=2, rate="1")).submission

    monkeypatch.setattr("revio_jobs.connection.TRUSTED_S", trusted_s)
    for module in ("enqueuer", "aio.enqueuer"):
        monkeypatch.setattr(f"revio_jobs.{module}.FAIL_OVER_S", PATIENCE_S)
    login = quote(AWKWARD, safe="")
    with proxy(server.port) as name:
        url = f"redis://:{login}@127.0.0.1:{name.port}/7?socket_timeout=0.5"
        second = twice(url, name) if submit == "client" else asyncio.run(twice_async(url, name))
    assert second == "new"
    with connect_redis(f"redis://:{login}@127.0.0.1:{server.port}/7") as redis:
        redis.flushdb()
