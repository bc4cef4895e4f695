"""When a worker's event loop asks its broker, and when it takes back what dead workers held."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from time import monotonic
from typing import Any

from kombu.transport import redis

from revio_jobs.silence import TRUSTED_S, Heeding
from worker.celery_app.held_messages import HOLD_INTERVAL_S
from worker.redis_kit.unread import has_unread

# A message waits this long for an idle worker at most, and a turn of the loop.
TURN_S = 0.035
_ROUNDS_FIRST = 2
# What is asked here is answered at once by a server that serves.
_ANSWERED_WITHIN_S = 4.0


class Poller(redis.MultiChannelPoller):  # type: ignore[misc] # kombu is untyped
    """Asks for what the dead held only when all who live have had time to say what they hold.

    After Redis was away, or too full to be told, everything looks as if its worker were silent.
    """

    _rounds = 0
    """Consecutive ones in which we reported what we hold."""
    _held_at = -inf
    _tried_at = -inf
    turn_timer: Any = None
    """Makes the event loop take a turn at least every 35 ms."""

    def on_poll_init(self, poller: Any) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's, which asks at once."""
        self.poller = poller

    def on_poll_start(self) -> None:
        """As kombu's, which is called before waiting for messages."""
        self._drop_silent()
        self._drop_replaced()
        for channel in self._channels:
            channel.before_waiting()
        super().on_poll_start()

    def get(self, callback: Any, timeout: float | None = None) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's, which waits for the answer of a blocking command.

        Called where there is no event loop, as in Flower: there no timer of kombu's tries the
        connection that listens, and it would never be known that it has fallen silent.
        """
        if monotonic() - self._tried_at > TRUSTED_S:
            self._tried_at = monotonic()
            self.maybe_check_subclient_health()
        turn_s = TURN_S if any(channel.active_queues for channel in self._channels) else timeout
        super().get(callback, turn_s if timeout is None else min(timeout, turn_s or timeout))

    def _drop_silent(self) -> None:
        """kombu's loop waits for events of sockets, and a silent one has none."""
        for client in list(self._listening()):
            connection = client.connection
            if not isinstance(connection, Heeding) or has_unread(connection):
                continue
            if connection.waited_s > _ANSWERED_WITHIN_S:
                connection.note_silence()
            if connection.is_suspect:
                connection.disconnect()  # type: ignore[attr-defined] # a mixin
                # Else kombu would drop the next connection for what this one did not answer.
                client.health_check_response_counter = 0

    def _drop_replaced(self) -> None:
        """redis-py reconnects by itself: nobody would read what the new connection answers, and
        it is subscribed to nothing. kombu sees to both for one that is not connected.
        """
        for (channel, client, _), sock in list(self._chan_to_sock.items()):
            connection = client.connection
            if channel in self._channels and connection and connection._sock is not sock:  # noqa: SLF001
                connection.disconnect()

    def _listening(self) -> Iterator[Any]:
        return (client for channel, client, _ in self._chan_to_sock if channel in self._channels)

    def maybe_restore_messages(self) -> None:
        """Called every HOLD_INTERVAL_S by a timer, and in each turn of a worker without a loop."""
        if monotonic() - self._held_at >= 0.8 * HOLD_INTERVAL_S:
            self.renew_and_restore()

    def renew_and_restore(self) -> None:
        """One round: say what is held here, then give back what others are silent about."""
        self._held_at = monotonic()
        for channel in self._channels:
            try:
                channel.qos.renew()
            except (*channel.connection_errors, channel.ResponseError):
                self._rounds = 0
                return
        self._rounds += 1
        if self._rounds > _ROUNDS_FIRST:
            super().maybe_restore_messages()
