"""The connection on which a worker hears commands to all, such as a revoke."""

from __future__ import annotations

from functools import partial
from typing import Any

from worker.redis_kit.unread import has_unread

# A message whose beginning is there is read for so long.
_MESSAGE_S = 1.0


class Listening:
    """A channel that never waits for a command to all.

    kombu reads until something comes. The event may have told of a connection that redis-py has
    replaced since, or replaces as it is read, and then nothing comes: kombu took the connection
    from the pool itself, so that redis-py does not subscribe on the new one. The worker's loop
    stood still for ever. `poller.py` drops a connection that was replaced, and kombu subscribes
    anew.
    """

    subclient: Any

    def _receive(self) -> bool:
        """As kombu's, of what has come."""
        listener = self.subclient
        if listener.connection is None or not has_unread(listener.connection):
            return False
        read = type(listener).parse_response
        listener.parse_response = partial(read, listener, block=False, timeout=_MESSAGE_S)
        try:
            return bool(super()._receive())  # type: ignore[misc] # a mixin
        finally:
            del listener.parse_response
