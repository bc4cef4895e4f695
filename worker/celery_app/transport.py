"""kombu's Redis transport: at less cost for each message, and what the dead held comes again soon.

kombu delivers a message again when it has not been acknowledged for the visibility timeout, however
well its worker is. Here a worker says again and again that it has its messages, so that the timeout
can be much shorter than a job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import time
from typing import Any
from weakref import WeakSet

import orjson
from celery.worker import state
from kombu.transport import redis, virtual
from kombu.utils.json import dumps
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from worker.redis_kit.auto_pipeline import AutoPipeline
from worker.redis_kit.scripts import load_script

HOLD_INTERVAL_S = 5
_ROUNDS_FIRST = 2


class BundledAcks(redis.QoS):  # type: ignore[misc] # kombu is untyped
    """Acknowledges together what ended since the loop's last turn, along with the next message.

    A message is acknowledged after its job has ended, so one that a crash keeps from being so is
    delivered again and found to be done.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as kombu's
        super().__init__(*args, **kwargs)
        # Jobs end in threads of their own.
        self._acked: deque[str] = deque()
        self._has_taken = False
        """Whether the loop has taken a message in its present turn."""
        self._ahead_s = 0.0
        """Of Redis's clock before ours, when last looked at."""
        with self.channel.conn_or_acquire() as redis:
            self._note = load_script(redis, "worker.celery_app", "note")
        _all.add(self)

    @property
    def visibility_timeout(self) -> float:
        """By Redis's clock: kombu takes it from ours, and hosts' clocks differ."""
        return float(self.channel.visibility_timeout) - self._ahead_s

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu's
        """As kombu's, and acknowledges what has ended."""
        info, now = message.delivery_info, time() + self._ahead_s
        kept = _json([message._raw, info["exchange"], info["routing_key"]])  # noqa: SLF001
        with self._to_acknowledge() as ended, self.channel.conn_or_acquire() as redis:
            note = partial(
                self._note,
                keys=[self.unacked_index_key, self.unacked_key],
                args=[delivery_tag, now, kept, *ended],
                client=redis,
            )
            try:
                note()
            except ConnectionLost:
                # Redis has given the message away already, and to note it twice does no harm.
                note()
        self._has_taken = True
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Frees the message's place at once; Redis hears of it in the loop's next turn or two."""
        self._acked.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)
        if self.is_left:
            self.send_acks()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - as kombu's
        """As kombu's; a message that Redis does not take back comes again."""
        try:
            super().reject(delivery_tag, requeue)
        except RedisError:
            # We hold it no more, and say so no more: to Redis it is that of a dead worker.
            virtual.QoS.ack(self, delivery_tag)

    @property
    def is_left(self) -> bool:
        """Whether the loop takes no more turns here."""
        return self.channel.closed or state.should_stop is not None

    def before_waiting(self) -> None:
        """Called in each turn of the loop."""
        if not self._has_taken:
            self.send_acks()
        self._has_taken = False

    def restore_unacked_once(self, stderr: Any = None) -> None:  # noqa: ANN401 - as kombu's
        """Called when the channel closes."""
        with suppress(RedisError):
            self.send_acks()
        super().restore_unacked_once(stderr)

    def hold(self) -> None:
        """Say that we have our messages still."""
        self.send_acks()
        with self.channel.conn_or_acquire() as redis:
            seconds, micros = redis.time()
            now = seconds + micros / 1e6
            self._ahead_s = now - time()
            self._flush()
            if tags := list(self._delivered):
                redis.zadd(self.unacked_index_key, dict.fromkeys(tags, now), xx=True)

    def send_acks(self) -> None:
        """In one round trip."""
        with self._to_acknowledge() as ended, self.channel.conn_or_acquire() as redis:
            if ended:
                # A full Redis refuses a transaction, even one that makes room.
                pipe = redis.pipeline(transaction=False)
                pipe.zrem(self.unacked_index_key, *ended).hdel(self.unacked_key, *ended).execute()

    @contextmanager
    def _to_acknowledge(self) -> Iterator[list[str]]:
        """What has ended; when Redis cannot be told, it is to be told again."""
        ended: list[str] = []
        with suppress(IndexError):
            while True:
                ended.append(self._acked.popleft())
        try:
            yield ended
        except BaseException:
            self._acked.extendleft(ended)
            raise


def _json(value: object) -> bytes | str:
    try:
        return orjson.dumps(value)
    except TypeError:
        # Of foreign messages: numbers of more than 64 bits, and half characters.
        return str(dumps(value))


_all: WeakSet[BundledAcks] = WeakSet()


def hold_what_is_left() -> None:
    """For a thread: who stops, or has connected again, still has messages. Raises RedisError."""
    for each in list(_all):
        if each.is_left:
            each.hold()


class Poller(redis.MultiChannelPoller):  # type: ignore[misc] # as above
    """Asks for what the dead held only when all who live have had time to say what they hold.

    After Redis was away, or too full to be told, everything looks as if its worker were silent.
    """

    _rounds = 0
    """In a row in which we could say what we hold."""

    def on_poll_init(self, poller: Any) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's, which asks at once."""
        self.poller = poller

    def on_poll_start(self) -> None:
        """As kombu's: somebody is about to wait for messages."""
        for channel in self._channels:
            channel.qos.before_waiting()
        super().on_poll_start()

    def maybe_restore_messages(self) -> None:
        """Called every `unacked_restore_interval`, HOLD_INTERVAL_S."""
        for channel in self._channels:
            try:
                channel.qos.hold()
            except (*channel.connection_errors, channel.ResponseError):
                self._rounds = 0
                return
        self._rounds += 1
        if self._rounds > _ROUNDS_FIRST:
            super().maybe_restore_messages()


class _Frugal:
    """A channel that keeps its client.

    kombu 5.7 makes a new one for each command that it sends, and redis-py 8 gives each a table of
    all its commands: that was a sixth of a worker's time.
    """

    QoS = BundledAcks
    unacked_restore_throttle = 1
    unacked_restore_limit = 1000
    pool: Any
    closed: bool
    _kept: Any = None

    def _get_client(self) -> type[Redis]:
        return AutoPipeline

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - as kombu's
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        # Messages of a closed channel are still acknowledged: its client connects again.
        if self._kept is None or not (self.closed or self._kept.connection_pool is self.pool):
            self._kept = super()._create_client()  # type: ignore[misc]
        return self._kept


class Channel(_Frugal, redis.Channel):  # type: ignore[misc]
    """On one server."""


class _Holding:
    """A transport whose workers say what they hold."""

    cycle: Poller

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as kombu's
        super().__init__(*args, **kwargs)
        self.cycle = Poller()


class Transport(_Holding, redis.Transport):  # type: ignore[misc]
    """For redis:// and rediss://."""

    Channel = Channel


class SentinelChannel(_Frugal, redis.SentinelChannel):  # type: ignore[misc]
    """On the master that sentinels know."""


class SentinelTransport(_Holding, redis.SentinelTransport):  # type: ignore[misc]
    """For sentinel://."""

    Channel = SentinelChannel


def transport_for(url: str) -> str:
    """The setting `broker_transport` for a broker at `url`."""
    kind = SentinelTransport if url.startswith("sentinel://") else Transport
    return f"{kind.__module__}:{kind.__name__}"
