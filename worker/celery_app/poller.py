"""When a worker's event loop asks its broker, and when it takes back what dead workers held."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import Any

from kombu.transport import redis

from worker.celery_app.held_messages import HOLD_INTERVAL_S

# A message waits this long for an idle worker at most, and a turn of the loop.
TURN_S = 0.035
_ROUNDS_FIRST = 2


class Poller(redis.MultiChannelPoller):  # type: ignore[misc] # kombu is untyped
    """Asks for what the dead held only when all who live have had time to say what they hold.

    After Redis was away, or too full to be told, everything looks as if its worker were silent.
    """

    _rounds = 0
    """Consecutive ones in which we reported what we hold."""
    _held_at = -inf
    turn_timer: Any = None
    """Makes the event loop take a turn at least every 35 ms."""

    def on_poll_init(self, poller: Any) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's, which asks at once."""
        self.poller = poller

    def on_poll_start(self) -> None:
        """As kombu's: somebody is about to wait for messages."""
        for channel in self._channels:
            channel.before_waiting()
        super().on_poll_start()

    def get(self, callback: Any, timeout: float | None = None) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's, which waits for the answer of a blocking command."""
        turn_s = TURN_S if any(channel.active_queues for channel in self._channels) else timeout
        super().get(callback, turn_s if timeout is None else min(timeout, turn_s or timeout))

    def drop_if_strange(self, channel: Any) -> None:  # noqa: ANN401 - a channel
        """redis-py connects anew by itself; nobody would read what such a connection answers."""
        connection = channel.client.connection
        sock = self._chan_to_sock.get((channel, channel.client, "BRPOP"))
        if connection._sock is not sock:  # noqa: SLF001
            connection.disconnect()

    def maybe_restore_messages(self) -> None:
        """Called every HOLD_INTERVAL_S by a timer, and in each turn of a worker without a loop."""
        if monotonic() - self._held_at >= 0.8 * HOLD_INTERVAL_S:
            self.hold_and_restore()

    def hold_and_restore(self) -> None:
        """One round: say what is held here, then give back what others are silent about."""
        self._held_at = monotonic()
        for channel in self._channels:
            try:
                channel.qos.hold()
            except (*channel.connection_errors, channel.ResponseError):
                self._rounds = 0
                return
        self._rounds += 1
        if self._rounds > _ROUNDS_FIRST:
            super().maybe_restore_messages()
