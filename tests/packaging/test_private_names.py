"""Private names of Celery, kombu and redis-py that this application touches or overrides.

They may change with any release. pyproject.toml bounds the versions; when a bound is raised, this
test says what has gone, before a worker does.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import celery.backends.redis
import celery.worker.consumer
import celery.worker.request
import pytest
import redis.asyncio.connection
import redis.client
import redis.commands.core
import redis.connection
from celery.worker import control
from kombu.connection import Connection as KombuConnection
from kombu.connection import ConnectionPool, PooledConnection
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual

ROOT = Path(__file__).parents[2]

QoS, Channel, Poller = kombu_redis.QoS, kombu_redis.Channel, kombu_redis.MultiChannelPoller
Request = celery.worker.request.Request
Consumer = celery.worker.consumer.Consumer
Backend = celery.backends.redis.RedisBackend
Connection = redis.connection.Connection

# By the module that touches them: whose, and the names.
TOUCHED: dict[str, list[tuple[type, str]]] = {
    "worker/celery_app/transport.py": [
        (Channel, "_brpop_read"),
        (Channel, "_brpop_sent_at"),
        (Channel, "_brpop_start"),
        (Channel, "_create_client"),
        (Channel, "_flush_brpop_reauth"),
        (Channel, "_get_client"),
        (Channel, "_in_poll"),
        (Channel, "_purge"),
        (Channel, "_queue_cycle"),
        (Channel, "_restore"),
        (Poller, "_channels"),
        (Poller, "_chan_to_sock"),
        (Connection, "_sock"),
        (virtual.Transport, "_deliver"),
        (redis.commands.core.Script, "script"),
        (redis.commands.core.Script, "sha"),
    ],
    "worker/celery_app/broadcasts.py": [(Channel, "_receive")],
    "worker/celery_app/held_messages.py": [
        (virtual.QoS, "_delivered"),
        (virtual.QoS, "_flush"),
        (virtual.QoS, "can_consume_max_estimate"),
    ],
    "worker/celery_app/task_adapter.py": [
        (Request, "_body"),
        (Request, "_content_encoding"),
        (Request, "_content_type"),
        (Request, "_decoded"),
    ],
    "worker/celery_app/consumer.py": [
        (Consumer, "_flush_events"),
        (Consumer, "on_send_event_buffered"),
    ],
    "worker/celery_app/result_backend.py": [
        (Backend, "_chord_part_return_script"),
        (Backend, "_chord_publish_claim_expires"),
        (Backend, "_get_pool"),
        (Backend, "_get_result_meta"),
        (Backend, "_set"),
        (Backend, "_set_with_state"),
        (Backend, "_store_result"),
        (Backend, "_transport_options"),
        (celery.backends.redis.SentinelBackend, "_get_sentinel_instance"),
    ],
    "client/src/revio_jobs/celery_connection.py": [
        (Channel, "_connparams"),
        (KombuConnection, "_info"),
        (KombuConnection, "Pool"),
        (ConnectionPool, "new"),
        (kombu_redis.SentinelChannel, "_sentinel_managed_pool"),
    ],
    "client/src/revio_jobs/silence.py": [
        (Connection, "_send_ping"),
        (Connection, "_sock"),
        (redis.asyncio.connection.AbstractConnection, "_send_ping"),
    ],
    "worker/redis_kit/unread.py": [(Connection, "_sock")],
}

# What is overridden is called with these, by these names or in this order.
SIGNATURES: list[tuple[Any, list[str]]] = [
    (Channel._brpop_start, ["self", "timeout"]),
    (Channel._brpop_read, ["self", "options"]),
    (Channel._create_client, ["self", "asynchronous"]),
    (Channel._restore, ["self", "message", "leftmost"]),
    (Channel._purge, ["self", "queue"]),
    (
        virtual.Channel.basic_consume,
        ["self", "queue", "no_ack", "callback", "consumer_tag", "kwargs"],
    ),
    (QoS.append, ["self", "message", "delivery_tag"]),
    (QoS.ack, ["self", "delivery_tag"]),
    (QoS.reject, ["self", "delivery_tag", "requeue"]),
    (QoS.restore_visible, ["self", "start", "num", "interval"]),
    (KombuConnection.Pool, ["self", "limit", "kwargs"]),
    (PooledConnection.__init__, ["self", "pool", "kwargs"]),
    (Poller.on_poll_init, ["self", "poller"]),
    (Poller.on_poll_start, ["self"]),
    (Poller.get, ["self", "callback", "timeout"]),
    (Poller.maybe_restore_messages, ["self"]),
    (Backend._set, ["self", "key", "value", "expires"]),
    (Backend._chord_publish_claim_expires, ["self", "initial_expires", "callback"]),
    (control.revoke, ["state", "task_id", "terminate", "signal", "kwargs"]),
]


def holds(owner: type, name: str) -> bool:
    """As an attribute of the class, or one that its methods set."""
    sources = (inspect.getsource(kind) for kind in owner.__mro__ if kind is not object)
    return hasattr(owner, name) or any(f"self.{name}" in source for source in sources)


def versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "redis"))


@pytest.mark.parametrize("module", TOUCHED)
def test_the_installed_versions_have_every_private_name_that_is_touched(module: str) -> None:
    gone = [f"{owner.__name__}.{name}" for owner, name in TOUCHED[module] if not holds(owner, name)]
    assert not gone, f"{versions()} have no {', '.join(gone)} any more: adapt {module}"


@pytest.mark.parametrize(("function", "expected"), SIGNATURES)
def test_what_is_overridden_is_called_as_it_was(function: Any, expected: list[str]) -> None:
    found = list(inspect.signature(function).parameters)
    assert found == expected, f"{versions()}: {function.__qualname__} takes {found} now"


def private_attributes(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            yield node.attr


def own_names(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            targets = (child.target for child in node.body if isinstance(child, ast.AnnAssign))
            assigned = (child.targets[0] for child in node.body if isinstance(child, ast.Assign))
            yield from (name.id for name in (*targets, *assigned) if isinstance(name, ast.Name))


def overridden(module: Path) -> Iterator[str]:
    """Private methods that call the one which they replace: that one is not ours."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        match node:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                yield name


def test_the_table_has_every_private_name_of_others_that_is_touched() -> None:
    folders = ("worker/celery_app", "worker/redis_kit", "client/src/revio_jobs")
    modules = [module for folder in folders for module in ROOT.glob(f"{folder}/**/*.py")]
    known = {name for names in TOUCHED.values() for _, name in names}
    known |= {"_current_frames", "_exit", "_replace"}  # documented, of sys, os and named tuples
    ours = {name for module in modules for name in own_names(module)}
    strange = {
        f"{module.name}: {name}"
        for module in modules
        for name in private_attributes(module)
        if not name.startswith("__") and name not in known | ours
    } | {
        f"{module.name}: super().{name}"
        for module in modules
        for name in overridden(module)
        if name.startswith("_") and not name.startswith("__") and name not in known
    }
    assert not strange
