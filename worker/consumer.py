"""Celery's consumer, made to outlive every way in which Redis can vanish under it."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer


class _Blueprint(Consumer.Blueprint):  # type: ignore[misc] # Celery is untyped
    """Without what workers tell each other: nothing here uses it, and it delays start and restart.

    Gossip, moreover, fails at each reconnection to Redis.
    """

    default_steps = tuple(
        step
        for step in Consumer.Blueprint.default_steps
        if not step.endswith((":Mingle", ":Gossip"))
    )


class ReconnectingConsumer(Consumer):  # type: ignore[misc] # Celery is untyped
    """Reconnects after any error of its loop.

    kombu 5.7 with redis-py 8 does not always report a lost connection as a connection error: a
    channel whose connection is gone raises AttributeError, for one, and that would end the worker.
    """

    Blueprint = _Blueprint
    connection_errors: tuple[type[BaseException], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Celery's
        super().__init__(*args, **kwargs)
        self.connection_errors = (*self.connection_errors, Exception)
