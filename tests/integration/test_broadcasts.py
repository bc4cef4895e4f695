"""The connection on which a worker hears commands to all: redis-py may replace it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from kombu import Connection, Consumer, Exchange, Producer, Queue

from revio_jobs import silence
from tests.patience import PATIENCE_S, wait_until
from worker.celery_app.transport import Transport

TO_ALL = Exchange("to-all", type="fanout", durable=False)
JOBS = Queue("revio.default.bulk")
A_MOMENT_S = 0.2


@dataclass
class Place:
    producer: Producer
    connection: Connection
    heard: list[str] = field(default_factory=list)

    def tell(self, word: str) -> None:
        self.producer.publish(word, exchange=TO_ALL, declare=[TO_ALL])

    def take_a_turn(self) -> None:
        """A worker's loop would wait here for as long as it lives."""

        def turn() -> None:
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=A_MOMENT_S)

        loop = Thread(target=turn, daemon=True)
        loop.start()
        loop.join(PATIENCE_S)
        assert not loop.is_alive(), "the loop stands still"

    def hears(self, word: str) -> bool:
        self.tell(word)
        self.take_a_turn()
        return word in self.heard

    @property
    def listener(self) -> Any:
        """The worker's connection."""
        return self.connection.default_channel.subclient.connection


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    with ExitStack() as ends:
        worker = ends.enter_context(Connection(redis_url, transport=Transport))
        producer = Producer(ends.enter_context(Connection(redis_url)))
        made = Place(producer, worker)
        told = Queue("", TO_ALL, exclusive=True, auto_delete=True)

        def hear(body: str, message: Any) -> None:
            made.heard.append(body)
            message.ack()

        ends.enter_context(Consumer(worker.default_channel, [JOBS, told], callbacks=[hear]))
        wait_until(lambda: made.hears("begin"))
        yield made


def suspect(place: Place, patch: pytest.MonkeyPatch) -> None:
    """Another connection falls silent, and something has come on this one."""
    place.tell("before")
    patch.setattr(silence._Silence, "asked_at", monotonic())


def replace(place: Place, _: pytest.MonkeyPatch) -> None:
    """As redis-py does it when it finds a connection broken."""
    place.listener.disconnect()
    place.listener.connect()


@pytest.mark.parametrize("harm", [suspect, replace])
def test_a_listener_that_is_replaced_alone_neither_stops_the_loop_nor_stays_deaf(
    place: Place,
    harm: Callable[[Place, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harm(place, monkeypatch)
    place.take_a_turn()
    wait_until(lambda: place.hears("after"))
