"""Where messages are in Redis, from the moment they are pushed until they are acknowledged.

All names are our own, so that another Celery app on the same database and this one do not touch
each other's messages, commands and events.
"""

from __future__ import annotations

PRIORITY_STEPS = (0, 3, 6, 9)
"""kombu's: a message's priority is rounded down to one of these; 0 goes first."""

HELD = "revio:broker:held"
"""Messages that workers hold or put off (hash: by delivery tag, the queue's key, a newline and the
message)."""

HELD_AT = "revio:broker:held_at"
"""When a worker last said that it holds a message (sorted set: delivery tag by Redis's time, s)."""

LATER = "revio:broker:later"
"""Messages that go back to their queue later (sorted set: delivery tag by that time, s)."""

REVOKED = "revio:broker:revoked"
"""Raw jobs that somebody has revoked (sorted set: task id by the time of the revocation, s)."""

KOMBU_HELD = "unacked"
"""Where earlier releases kept held messages, as kombu does for all apps (hash: by
delivery tag, the message, exchange and queue)."""

KOMBU_HELD_AT = "unacked_index"
"""When that was last said to be held (sorted set: delivery tag by time, s)."""

CONTROL_EXCHANGE = "revio"
"""Celery's setting `control_exchange`: where `app.control` and Flower send commands to workers."""

EVENT_EXCHANGE = "revioev"
"""Celery's setting `event_exchange`: where workers tell of their tasks."""

_PRIORITY_SEPARATOR = "\x06\x16"


def queue_keys(queue: str) -> tuple[str, ...]:
    """The lists of a queue, one per priority, in the order in which they are emptied."""
    return tuple(_queue_key(queue, step) for step in PRIORITY_STEPS)


def priority_key(queue: str, priority: int) -> str:
    """The list of a queue that a message of that priority goes to."""
    return _queue_key(queue, max(step for step in PRIORITY_STEPS if step <= max(priority, 0)))


def queue_of(key: str) -> str:
    """The queue that a list belongs to."""
    return key.partition(_PRIORITY_SEPARATOR)[0]


def _queue_key(queue: str, step: int) -> str:
    return f"{queue}{_PRIORITY_SEPARATOR}{step}" if step else queue
