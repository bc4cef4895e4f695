"""The Celery settings that producers and workers must agree on."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from revio_jobs.broker import CONTROL_EXCHANGE, EVENT_EXCHANGE
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from revio_jobs.contracts import Lane, queue_name

WIRE_SETTINGS: dict[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "result_accept_content": ["json"],
    "task_create_missing_queues": True,
    # Commands and events of our own, beside those of other Celery apps on the same Redis.
    "control_exchange": CONTROL_EXCHANGE,
    "event_exchange": EVENT_EXCHANGE,
    "task_ignore_result": False,
    "task_track_started": True,
    "enable_utc": True,
    "broker_connection_retry_on_startup": True,
    # A producer hears within seconds that Redis is down.
    "broker_connection_timeout": 4,
    "redis_socket_connect_timeout": 4,
    "redis_socket_timeout": 30,
    "redis_socket_keepalive": True,
    "redis_retry_on_timeout": False,
}


def producer_app(redis_url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER) -> Celery:
    """A Celery app that only submits and collects; it never becomes the process's default app.

    `redis_url` and `sentinel_master` as `connect_redis` takes them.
    """
    app = Celery("revio_jobs", broker=redis_url, backend=redis_url, set_as_current=False)
    app.conf.update(WIRE_SETTINGS)
    app.conf.broker_transport_options = {
        "socket_connect_timeout": 4,
        "master_name": sentinel_master,
    }
    app.conf.result_backend_transport_options = {"master_name": sentinel_master}
    app.conf.task_publish_retry_policy = {"max_retries": 2, "interval_start": 0.1}
    return app


def lane_queue(account: str, lane: Lane) -> Queue:
    """The same declaration that Celery makes for a queue known by name alone."""
    name = queue_name(account, lane)
    return Queue(name, Exchange(name, type="direct"), routing_key=name)
