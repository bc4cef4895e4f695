"""A kombu Redis transport that takes messages atomically and redelivers those of dead workers.

kombu's own takes a message with BRPOP and then notes it as held; a worker that dies in between
loses it. Here a script (take.lua) does both, for as many messages as there are free threads, and
carries the acknowledgements of ended jobs along.

Waiting: a list cannot be watched without taking from it, and a list of wake-ups would be fed by our
client alone, while producers in other languages push to the queues themselves. Keyspace
notifications and client tracking would need a setting of the server or a proxy's support. So an
idle worker asks about every 35 ms, whatever the number of its queues: fewer than 30 small commands
a second (measured: 26; the whole idle process then takes 2.5 % of a core). While there is work, the
next request leaves as soon as a thread is free. The request goes out on the connection on which
kombu sends BRPOP, and kombu's event loop reads its answer; only what is sent and what comes back
differ.

A request whose answer was lost may have taken messages. Their delivery tags are known in advance,
so they are given back before the next request.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain
from queue import Empty
from time import monotonic
from typing import Any

import structlog
from click import ClickException
from kombu.transport import redis
from redis.exceptions import NoScriptError

from revio_jobs.broker import HELD, HELD_AT, LATER, PRIORITY_STEPS, queue_keys, queue_of
from revio_jobs.celery_connection import ProtocolChannel
from revio_jobs.celery_connection import SentinelChannel as ClientSentinelChannel
from revio_jobs.contracts import UPDATE_TASK, parse_queue_name
from revio_jobs.key_prefix import KeyPrefix
from worker.celery_app.broadcasts import Listening
from worker.celery_app.held_messages import HeldMessages
from worker.celery_app.lane_activity import lane_activity
from worker.celery_app.poller import TURN_S, Poller
from worker.celery_app.prefixed_client import client_of
from worker.celery_app.queue_round import QueueRound
from worker.celery_app.refusals import PURGE
from worker.celery_app.taken_message import payload_of
from worker.redis_kit.scripts import load_script

_log = structlog.get_logger(__name__)

# Between two requests of an idle worker; less than a turn, since turns are not exact.
_IDLE_PAUSE_S = 0.03
_TAKEN_AT_ONCE = 100

_keys_of = cache(queue_keys)


class _Taking(Listening):
    """A channel that takes messages with a script, and keeps its client.

    kombu 5.7 makes a new client for each command that it sends, and redis-py 8 gives each a table
    of all its commands: that was a sixth of a worker's time.
    """

    QoS = HeldMessages
    unacked_restore_limit = 1000
    pool: Any
    closed: bool
    global_keyprefix: str
    client: Any
    connection: Any
    connection_errors: Any
    qos: HeldMessages
    _queue_cycle: Any
    _in_poll: Any
    _kept: Any = None
    _flush_brpop_reauth: Any
    _take: Any
    threads: Mapping[str, int] = {}
    """By account: how many of the worker's threads its jobs have. The consumer sets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as kombu's
        self._tags = f"{uuid.uuid4().hex[:12]}."
        self._asked: range = range(0)
        """Numbers of the tags of a request that is not answered yet."""
        self._next_number = 0
        self._quiet_until = 0.0
        self._no_ack: set[str] = set()
        self._round = QueueRound(lane_activity)
        super().__init__(*args, **kwargs)
        self._take = load_script(self._create_client(), "worker.celery_app", "take")

    def _get_client(self) -> Any:  # noqa: ANN401 - a class, or what stands for one
        return client_of(self.key_prefix)

    @property
    def key_prefix(self) -> KeyPrefix:
        """What is put before all keys."""
        return KeyPrefix(self.global_keyprefix)

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - as kombu's
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        # Messages of a closed channel are still acknowledged: its client connects again.
        if self._kept is None or not (self.closed or self._kept.connection_pool is self.pool):
            self._kept = super()._create_client()  # type: ignore[misc]
        return self._kept

    def basic_consume(self, queue: str, no_ack: bool, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, FBT001 - as kombu's
        """As kombu's."""
        (self._no_ack.add if no_ack else self._no_ack.discard)(queue)
        return super().basic_consume(queue, no_ack, *args, **kwargs)  # type: ignore[misc]

    @property
    def active_queues(self) -> list[str]:
        """As kombu's, which makes the list anew each time: some times in each turn of the loop."""
        return self._queue_cycle.items  # type: ignore[no-any-return]

    def _update_queue_cycle(self) -> None:
        self._queue_cycle.update(super().active_queues)  # type: ignore[misc]

    def _purge(self, queue: str) -> int:
        """As kombu's, but of no lane of ours: raises ClickException, which `celery purge` shows."""
        if parse_queue_name(queue):
            raise ClickException(f"{queue}: {PURGE}")
        return int(super()._purge(queue))  # type: ignore[misc]

    def before_waiting(self) -> None:
        """Called in each turn of the loop: what no request will carry is acknowledged here."""
        if self.qos.has_acks and not self.active_queues:
            self.qos.send_acks()

    def _brpop_start(self, timeout: float | None = None) -> None:  # noqa: ARG002 - as kombu's
        """Ask for messages, where kombu sends BRPOP."""
        if monotonic() < self._quiet_until and not self.qos.has_acks:
            return
        served = self.active_queues
        if not served:
            return
        queues, others = self._round.next(served)
        self.requeue_unread()
        free = self.qos.can_consume_max_estimate()
        wanted = _TAKEN_AT_ONCE if free is None else min(free, _TAKEN_AT_ONCE)
        keys = [key for step in zip(*map(_keys_of, queues), strict=True) for key in step]
        self._asked = range(self._next_number, self._next_number + wanted)
        self._next_number = self._asked.stop
        self._in_poll, self._brpop_sent_at = self.client.connection, monotonic()
        self._quiet_until = monotonic() + _IDLE_PAUSE_S
        threads = list(self.threads.items())
        counts = (len(others) * len(PRIORITY_STEPS), int(_are_shared(served)), len(threads))
        args = [
            *(wanted, len(queues), self._tags, self._asked.start),
            *(UPDATE_TASK, self.global_keyprefix, *counts, *chain.from_iterable(threads)),
            *self.qos.acks_to_send(),
        ]
        key_count = 3 + len(keys) + counts[0]
        head = ("EVALSHA", self._take.sha, key_count, HELD, HELD_AT, LATER, *keys)
        told_of = (_packed_keys(self.global_keyprefix, queue) for queue in others)
        command = [
            b"*%d\r\n" % (3 + key_count + len(args)),
            *(_packed(self.key_prefix.apply(head)), *told_of, _packed(args)),
        ]
        self.client.connection.send_packed_command([b"".join(command)])

    def _brpop_read(self, **options: Any) -> bool:  # noqa: ANN401 - as kombu's
        """Deliver what has come."""
        connection = self.client.connection
        try:
            answer = self.client.parse_response(connection, "EVALSHA", **options)
        except NoScriptError:
            # A server that was restarted, or another one.
            self._create_client().script_load(self._take.script)
            answer = None
        except self.connection_errors:
            connection.disconnect()
            raise
        finally:
            self._in_poll = None
            self._flush_brpop_reauth()
        if answer is None:
            self._asked, self._quiet_until = range(0), 0.0
            raise Empty
        self.qos.acks_arrived()
        if not answer:
            self._asked = range(0)
            raise Empty
        self._quiet_until = 0.0
        self._deliver(answer)
        return True

    def _deliver(self, answer: list[bytes]) -> None:
        for key, tag, text in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            queue = queue_of(self.key_prefix.strip(key.decode()))
            delivery_tag = tag.decode()
            lane_activity.note(queue)
            if not delivery_tag:
                continue
            self._asked = range(self._asked.start + 1, self._asked.stop)
            self._queue_cycle.rotate(queue)
            self._deliver_one(queue, delivery_tag, text)
        self._asked = range(0)

    def _deliver_one(self, queue: str, tag: str, text: bytes) -> None:
        try:
            self.connection._deliver(payload_of(text, tag, queue), queue)  # noqa: SLF001 - kombu's own call
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            if self.qos.knows(tag):
                raise
            _log.error("message_dropped", reason=f"it is not of Celery's form: {exc!r}")
            self.qos.forget(tag)
        if queue in self._no_ack:
            self.qos.forget(tag)

    @property
    def unread_tags(self) -> list[str]:
        """What a request may have taken that has not been delivered; the last one first."""
        return [f"{self._tags}{number}" for number in reversed(self._asked)]

    def requeue_unread(self) -> None:
        """Requeue what a request took whose answer was lost or could not be delivered."""
        if tags := self.unread_tags:
            self.qos.requeue(tags)
            self._asked = range(0)

    def _restore(self, message: Any, leftmost: bool = False) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002 - as kombu's
        self.qos.requeue([message.delivery_tag])


def _packed(args: Iterable[object]) -> bytes:
    """As bytes of Redis's protocol."""
    encoded = [str(arg).encode() for arg in args]
    return b"".join(b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in encoded)


@cache
def _packed_keys(prefix: str, queue: str) -> bytes:
    """The keys of a queue, which is read many times a second together with hundreds of others."""
    return _packed(map(KeyPrefix(prefix).key, queue_keys(queue)))


def _are_shared(queues: Iterable[str]) -> bool:
    """Whether several accounts share the worker's threads: the names of an account's lanes begin
    alike.
    """
    accounts = (queue.rpartition(".")[0] for queue in queues)
    first = next(accounts)
    return any(account != first for account in accounts)


class Channel(_Taking, ProtocolChannel, redis.Channel):  # type: ignore[misc]
    """On one server."""


class _Holding:
    """A transport whose workers say what they hold."""

    cycle: Poller

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as kombu's
        super().__init__(*args, **kwargs)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:  # noqa: ANN401 - as kombu's
        """As kombu's."""
        super().register_with_event_loop(connection, loop)  # type: ignore[misc]
        if self.cycle.turn_timer is not None:
            self.cycle.turn_timer.cancel()
        self.cycle.turn_timer = loop.call_repeatedly(TURN_S, _take_a_turn)


def _take_a_turn() -> None:
    """The loop's turn is all that is wanted."""


class Transport(_Holding, redis.Transport):  # type: ignore[misc]
    """For redis:// and rediss://."""

    Channel = Channel


class SentinelChannel(_Taking, ClientSentinelChannel):
    """On the master that sentinels know."""


class SentinelTransport(_Holding, redis.SentinelTransport):  # type: ignore[misc]
    """For sentinel:// and sentinels://."""

    Channel = SentinelChannel


def transport_for(url: str) -> str:
    """The setting `broker_transport` for a broker at `url`."""
    kind = SentinelTransport if url.startswith("sentinel://") else Transport
    return f"{kind.__module__}:{kind.__name__}"
