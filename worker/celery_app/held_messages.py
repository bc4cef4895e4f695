"""The messages that a worker holds: acknowledged in bundles, requeued, renewed.

A message is acknowledged after its job has ended, and acknowledgements leave with the next request
for messages: a round trip for each was among the largest costs of a message. So Redis hears of the
end of a job a moment late, and a worker killed in that moment leaves a message whose job has ended:
it is delivered again and the ledger answers with the stored outcome (a query is read again).
Acknowledging earlier would lose jobs.

kombu delivers a message again when it has not been acknowledged for the visibility timeout, however
well its worker is. Here workers renew every few seconds what they hold, so the timeout (30 s) can
be much shorter than a job. Whoever lengthens HOLD_INTERVAL_S must keep it well below the timeout:
two renewals may fail before others take the messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from time import monotonic
from typing import Any
from weakref import WeakSet

from celery.worker import state
from kombu.transport import redis, virtual
from redis.exceptions import NoPermissionError, RedisError

from revio_jobs.broker import HELD, HELD_AT, LATER
from worker.celery_app.leftovers import Leftovers
from worker.redis_kit.scripts import load_script

HOLD_INTERVAL_S = 5
_ACKS_AT_ONCE = 1000
_LEFTOVERS_EVERY_S = 60


class HeldMessages(redis.QoS):  # type: ignore[misc] # kombu is untyped
    """A channel's unacknowledged messages. Jobs end in threads of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as kombu's
        super().__init__(*args, **kwargs)
        self._acked: deque[str] = deque()
        self._sent_acks: list[str] = []
        """Sent with a request for messages that is not answered yet."""
        self._leftovers_due = 0.0
        self._put_off: dict[str, tuple[float, bool]] = {}
        """By delivery tag: for how many seconds, and whether an attempt is to be counted."""
        self._requeue: Callable[..., int] = self._script("requeue")
        self._restore: Callable[..., int] = self._script("restore")
        _all.add(self)

    def _script(self, name: str) -> Callable[..., Any]:
        with self.channel.conn_or_acquire() as client:
            return load_script(client, "worker.celery_app", name)

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu's
        """Remember the message; that it is held was noted as it was taken from its queue."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Free the message's place at once; Redis hears of it with the next request."""
        self._acked.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)
        if self.is_left:
            self.send_acks()

    def knows(self, delivery_tag: str) -> bool:
        """Whether the message was appended, and its end is awaited."""
        return delivery_tag in self._delivered

    def forget(self, delivery_tag: str) -> None:
        """Acknowledge a message that was never appended."""
        self._acked.append(delivery_tag)

    def put_off(self, delivery_tag: str, seconds: float, *, count: bool) -> None:
        """Let the message come again after `seconds` once it is rejected with `requeue`.

        `count`: an attempt was made, which the message's `retries` shows from then on.
        """
        self._put_off[delivery_tag] = (seconds, count)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - as kombu's
        """Acknowledge the message, or with `requeue` return it as it came.

        A message that Redis does not take back comes again when others find that nobody holds it.
        """
        seconds, count = self._put_off.pop(delivery_tag, (0.0, False))
        if not requeue:
            self.ack(delivery_tag)
            return
        with suppress(RedisError):
            self.requeue([delivery_tag], seconds, count=count)
        virtual.QoS.ack(self, delivery_tag)

    def requeue(self, tags: Sequence[str], seconds: float = 0.0, *, count: bool = False) -> int:
        """Return messages to the front of their queues, the last one foremost.

        Returns how many were held.
        """
        with self.channel.conn_or_acquire() as client:
            args = [seconds, int(count), *tags]
            return self._requeue(keys=[HELD, HELD_AT, LATER], args=args, client=client)

    @property
    def is_left(self) -> bool:
        """Whether the loop takes no more turns here."""
        return self.channel.closed or state.should_stop is not None

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ANN401 - as kombu's
        """Called when the channel closes."""
        with suppress(RedisError):
            self.send_acks()
            self.channel.requeue_unread()
        super().restore_unacked_once(stderr)

    def restore_visible(self, *_: object, **__: object) -> None:
        """Requeue what silent workers held."""
        silent_s = self.channel.visibility_timeout
        with self.channel.conn_or_acquire() as client:
            args = [silent_s, self.channel.unacked_restore_limit]
            self._restore(keys=[HELD, HELD_AT], args=args, client=client)
            self._restore_leftovers(Leftovers(client, silent_s))

    def _restore_leftovers(self, leftovers: Leftovers) -> None:
        if monotonic() < self._leftovers_due:
            return
        self._leftovers_due = monotonic() + _LEFTOVERS_EVERY_S
        try:
            leftovers.requeue()
        except NoPermissionError:
            # The user is newer than the releases that left something there.
            self._leftovers_due = inf

    def renew(self) -> None:
        """Tell Redis that this worker still holds its messages."""
        self.send_acks()
        if self.is_left:
            self.channel.requeue_unread()
        with self.channel.conn_or_acquire() as client:
            self._flush()
            if tags := [*self._delivered, *self.channel.unread_tags]:
                seconds, micros = client.time()
                now = seconds + micros / 1e6
                client.zadd(HELD_AT, dict.fromkeys(tags, now), xx=True)

    def acks_to_send(self) -> list[str]:
        """What has ended, to be sent with a request; again what no answer has confirmed."""
        self._acked.extend(self._sent_acks)
        self._sent_acks = self._popped()
        return self._sent_acks

    def acks_arrived(self) -> None:
        """The request was answered."""
        self._sent_acks = []

    @property
    def has_acks(self) -> bool:
        """Whether Redis is to be told of ended jobs."""
        return bool(self._acked)

    def send_acks(self) -> None:
        """In one round trip, together with nothing else."""
        with self._to_acknowledge() as ended, self.channel.conn_or_acquire() as client:
            if ended:
                # A full Redis refuses a transaction, even one that makes room.
                pipe = client.pipeline(transaction=False)
                pipe.zrem(HELD_AT, *ended).hdel(HELD, *ended).execute()

    @contextmanager
    def _to_acknowledge(self) -> Iterator[list[str]]:
        """What has ended; when Redis cannot be told, it is to be told again."""
        ended = self._popped()
        try:
            yield ended
        except BaseException:
            self._acked.extendleft(ended)
            raise

    def _popped(self) -> list[str]:
        ended: list[str] = []
        with suppress(IndexError):
            while len(ended) < _ACKS_AT_ONCE:
                ended.append(self._acked.popleft())
        return ended


_all: WeakSet[HeldMessages] = WeakSet()


def renew_what_is_left() -> None:
    """Renew the hold of channels that closed or are stopping, in a thread. Raises RedisError."""
    for held in list(_all):
        if held.is_left:
            held.renew()
