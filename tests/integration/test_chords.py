"""A chord whose header ends while Redis is away for a moment: its body runs, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, signature
from redis import Redis

from revio_jobs.celery_app import WIRE_SETTINGS
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.patience import PATIENCE_S
from worker.celery_app import result_backend
from worker.celery_app.persistent_redis import PUBLISH_RETRIES, PersistentRedis
from worker.celery_app.result_backend import backend_url

QUEUE = "revio.default.bulk"
GROUP = "the header"
AWAY_S = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with embedded_redis(appendonly=True) as running:
        yield running


@pytest.fixture
def app(server: EmbeddedRedis) -> Iterator[Celery]:
    with Redis.from_url(server.url) as redis:
        redis.flushall()
    backend = backend_url(server.url)
    with Celery(broker=server.url, backend=backend, set_as_current=False) as app:
        app.conf.update(WIRE_SETTINGS, task_publish_retry_policy=PUBLISH_RETRIES)
        yield app
        app.backend.client.connection_pool.disconnect()


def end_of_header_job(backend: Any, index: int) -> None:
    app = backend.app
    body = signature(QUERY_TASK, kwargs={"ids": [1]}, queue=QUEUE, immutable=True, app=app)
    request = SimpleNamespace(
        id=f"job {index}", group=GROUP, group_index=index, chord=body, task=UPDATE_TASK
    )
    backend.on_chord_part_return(request, "SUCCESS", {"outcome": "applied"})


def end_of_header_job_in_a_thread(backend: Any, index: int) -> None:
    """Celery makes a backend for each thread, and its connections outlive the thread."""
    try:
        end_of_header_job(backend, index)
    finally:
        backend.app.backend.client.connection_pool.disconnect()


def bodies(server: EmbeddedRedis) -> int:
    with Redis.from_url(server.url) as redis:
        return int(redis.llen(QUEUE))


@pytest.mark.parametrize("moment", ["joined", "published"])
def test_redis_goes_away_when_the_header_is(
    moment: str, app: Celery, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = threading.Event()

    def away_before(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            if not is_away.is_set():
                server.kill()
                is_away.set()
            return call(*args, **kwargs)

        return called

    backend = app.backend
    backend.set_chord_size(GROUP, 2)
    end_of_header_job(backend, 0)
    owner, name = {
        "joined": (backend, "_chord_claim_extend_script"),
        "published": (app.amqp, "_retry_publish"),
    }[moment]
    monkeypatch.setattr(owner, name, away_before(getattr(owner, name)))
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(end_of_header_job_in_a_thread, backend, 1)
        assert is_away.wait(PATIENCE_S)
        time.sleep(AWAY_S)
        server.start()
        ended.result(PATIENCE_S)
    assert bodies(server) == 1


def test_publishing_a_body_leaves_no_subscription_open(app: Celery, server: EmbeddedRedis) -> None:
    app.backend.set_chord_size(GROUP, 1)
    end_of_header_job(app.backend, 0)
    with Redis.from_url(server.url) as redis:
        last_commands = {client["cmd"] for client in redis.client_list()}
    assert not {"subscribe", "unsubscribe"} & last_commands


def test_a_claim_whose_answer_was_lost_is_known_again(
    app: Celery, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = PersistentRedis.execute_command

    def carry_out_twice(client: PersistentRedis, *args: Any, **options: Any) -> Any:
        carry_out(client, *args, **options)
        return carry_out(client, *args, **options)

    backend = app.backend
    backend.set_chord_size(GROUP, 1)
    monkeypatch.setattr(PersistentRedis, "execute_command", carry_out_twice)
    end_of_header_job(backend, 0)
    assert bodies(server) == 1


class KilledError(BaseException):
    """The worker is gone in the middle of this."""


@pytest.mark.parametrize("moment", ["joined", "published"])
def test_a_worker_is_killed_when_the_header_is_and_its_last_message_comes_back_at_once(
    moment: str, app: Celery, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    monkeypatch.setattr(result_backend, "_CLAIM_S", 1)
    backend = app.backend
    backend.set_chord_size(GROUP, 2)
    end_of_header_job(backend, 0)
    with monkeypatch.context() as patch:
        owner, name = {
            "joined": (backend, "_chord_claim_extend_script"),
            "published": (app.amqp, "_retry_publish"),
        }[moment]
        patch.setattr(owner, name, killed)
        patch.setattr(backend, "_chord_cleanup_script", killed)
        with pytest.raises(KilledError):
            end_of_header_job(backend, 1)
    assert not bodies(server)
    end_of_header_job(backend, 1)
    end_of_header_job(backend, 0)
    assert bodies(server) == 1
