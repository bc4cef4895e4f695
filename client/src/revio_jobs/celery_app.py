"""The Celery settings that producers and workers must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from celery import Celery
from kombu import Exchange, Queue

from revio_jobs.broker import CONTROL_EXCHANGE, EVENT_EXCHANGE
from revio_jobs.celery_connection import WireAMQP, ignore_environment
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.redis_address import RedisAddress, parse_redis_url
from revio_jobs.silence import TRUSTED_S
from revio_jobs.tls_files import check_tls_files

WIRE_SETTINGS: dict[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_create_missing_queues": True,
    # Commands and events separate from those of other Celery apps on the same Redis.
    "control_exchange": CONTROL_EXCHANGE,
    "event_exchange": EVENT_EXCHANGE,
    "task_ignore_result": False,
    "task_track_started": True,
    "enable_utc": True,
    "broker_connection_retry_on_startup": True,
    # A producer hears within seconds that Redis is down.
    "broker_connection_timeout": 4,
    "redis_socket_connect_timeout": 4,
    # A server or a connection that is silent for so long counts as gone.
    "redis_socket_timeout": 5,
    "redis_socket_keepalive": True,
    "redis_retry_on_timeout": False,
}


_KOMBU_HELD = {
    "unacked_key": "revio:broker:unacked",
    "unacked_index_key": "revio:broker:unacked_index",
    "unacked_mutex_key": "revio:broker:unacked_mutex",
}
"""kombu's own names are those of other apps, whose messages it would deliver again by our times."""


def producer_app(redis_url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER) -> Celery:
    """A Celery app that only submits and collects; it never becomes the process's default app.

    `redis_url` and `sentinel_master` as `connect_redis` takes them.
    """
    check_tls_files(parse_redis_url(redis_url).tls)
    connection = connection_settings(redis_url, sentinel_master)
    app = Celery(
        "revio_jobs",
        broker=connection["broker_url"],
        backend=connection["result_backend"],
        amqp=WireAMQP,
        set_as_current=False,
    )
    app.conf.update(WIRE_SETTINGS | connection)
    ignore_environment(app)
    app.conf.task_publish_retry_policy = {"max_retries": 2, "interval_start": 0.1}
    return app


def connection_settings(
    redis_url: str, sentinel_master: str, *, broker: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Celery's settings for its broker and results, which mean what `connect_redis` makes of a URL.

    Celery and kombu each read another dialect of URLs, with other options: the broker's are next to
    its URL, the backend's within. What is secret is where `celery report` and `inspect conf` mask
    it. `broker`: transport options where the URL says nothing. Raises RedisUrlError.
    """
    address = parse_redis_url(redis_url)
    options = dict(address.connection)
    tls = dict(address.tls) or None
    shared = {
        "master_name": sentinel_master,
        "sentinel_kwargs": _sentinel_options(address),
        "global_keyprefix": address.key_prefix,
    }
    transport = {
        **shared,
        **_KOMBU_HELD,
        "socket_connect_timeout": WIRE_SETTINGS["redis_socket_connect_timeout"],
        "socket_timeout": WIRE_SETTINGS["redis_socket_timeout"],
        "socket_keepalive": True,
        "health_check_interval": TRUSTED_S,
        **broker,
        **options,
    }
    return {
        "broker_url": _url(address, {}),
        "broker_use_ssl": tls,
        "broker_transport_options": transport,
        "result_backend": _url(address, options),
        "redis_backend_use_ssl": tls,
        "result_backend_transport_options": shared,
        "redis_backend_health_check_interval": transport["health_check_interval"],
        "redis_client_name": options.get("client_name"),
        "redis_socket_timeout": transport["socket_timeout"],
        "redis_socket_connect_timeout": transport["socket_connect_timeout"],
        # Celery would give the option to a unix socket's connection, which has none.
        "redis_socket_keepalive": transport["socket_keepalive"] and not address.path,
    }


def _sentinel_options(address: RedisAddress) -> dict[str, Any]:
    connect_timeout = WIRE_SETTINGS["redis_socket_connect_timeout"]
    timeouts = {
        "socket_timeout": connect_timeout,
        "socket_connect_timeout": connect_timeout,
        "health_check_interval": TRUSTED_S,
    }
    tls = {"ssl": True, **address.tls} if address.uses_tls else {}
    return timeouts | dict(address.sentinel_login) | tls


def _url(address: RedisAddress, options: Mapping[str, Any]) -> str:
    login = _login(address)
    texts = _texts(options)
    if address.path:
        query = urlencode({"virtual_host": address.db, **texts})
        return f"redis+socket://{login}{quote(address.path)}?{query}"
    if not address.sentinels:
        scheme = "rediss" if address.uses_tls else "redis"
        query = f"?{urlencode(texts)}" if texts else ""
        return f"{scheme}://{login}{_bracketed(address.host)}:{address.port}/{address.db}{query}"
    first, *others = (f"{_bracketed(host)}:{port}/{address.db}" for host, port in address.sentinels)
    return ";".join([f"sentinel://{login}{first}", *(f"sentinel://{other}" for other in others)])


def _login(address: RedisAddress) -> str:
    if not address.username and not address.password:
        return ""
    return f"{quote(address.username or '', safe='')}:{quote(address.password or '', safe='')}@"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _texts(options: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in options.items()
    }


def lane_queue(account: str, lane: Lane) -> Queue:
    """The same declaration that Celery makes for a queue known by name alone."""
    name = queue_name(account, lane)
    return Queue(name, Exchange(name, type="direct"), routing_key=name)
