"""Whether a connection has anything to read, without reading it."""

from __future__ import annotations

from select import POLLIN, poll
from typing import Any


def has_unread(connection: Any) -> bool:  # noqa: ANN401 - redis-py's
    """Whether there is an answer, or the connection's end."""
    sock = connection._sock  # noqa: SLF001
    if sock is None:
        return True
    poller = poll()
    poller.register(sock, POLLIN)
    return bool(poller.poll(0))
