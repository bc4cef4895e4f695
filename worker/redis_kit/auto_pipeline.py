"""Scripts that threads call at the same time go to Redis together, in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from select import POLLIN, poll
from threading import Lock
from time import monotonic
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from revio_jobs.connection import connect_redis

_UNANSWERED = object()
_TRUSTED_S = 1.0


class AutoPipeline(Redis):
    """A client whose threads share round trips.

    A script called alone leaves at once. What other threads call while it is under way leaves
    together as soon as its answer has come, in the order of calling. Each caller gets just its own
    answer or error; when the connection fails, all that had no answer yet hear of it.

    Else each thread would have a connection of its own, and in a worker that has much to do the
    system calls and the changes of thread cost several times what the script does.

    A process that has called scripts must not fork, and no signal's handler may raise in a caller.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Redis's
        super().__init__(*args, **kwargs)
        self._encode: Callable[[Any], bytes] = self.get_encoder().encode
        self._lock = Lock()
        self._asked: list[_Asked] = []
        self._is_busy = False
        self._connection: Any = None
        self._taken_at = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Redis's
        """As Redis's; anything but a script goes its own way."""
        if args[0] != "EVALSHA":
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        mine = _Asked(self._packed(args))
        with self._lock:
            self._asked.append(mine)
            leads, self._is_busy = not self._is_busy, True
        if not leads:
            mine.wait()
        if mine.answer is _UNANSWERED:
            self._lead(mine)
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        return mine.answer

    def _lead(self, mine: _Asked) -> None:
        """One exchange for all who wait; then the next of them goes on."""
        with self._lock:
            together, self._asked = self._asked, []
        self._exchange(together)
        with self._lock:
            heir = self._asked[:1]
            self._is_busy = bool(heir)
        for each in (*heir, *together):
            if each is not mine:
                each.wake()

    def _exchange(self, together: Sequence[_Asked]) -> None:
        try:
            connection = self._connected()
            try:
                connection.send_packed_command([b"".join([each.packed for each in together])])
                for each in together:
                    each.answer = _answer(connection)
            except BaseException:
                # What still comes would be taken for the answers to later calls.
                connection.disconnect()
                self._give_back()
                raise
        except BaseException as exc:  # noqa: BLE001 - each caller raises it
            for each in together:
                if each.answer is _UNANSWERED:
                    each.answer = exc

    def _connected(self) -> Any:  # noqa: ANN401 - redis-py's connection
        """The same for a second: then the pool looks whether it stands, and where the master is."""
        now = monotonic()
        if self._connection and (now - self._taken_at > _TRUSTED_S or _has_ended(self._connection)):
            self._give_back()
        if not self._connection:
            self._connection, self._taken_at = self.connection_pool.get_connection(), now
        return self._connection

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        self.connection_pool.release(connection)

    def _packed(self, args: Sequence[Any]) -> bytes:
        """As bytes of Redis's protocol. Raises DataError here, where it is nobody else's fault."""
        parts = [b"*%d\r\n" % len(args)]
        for arg in args:
            value = self._encode(arg)
            parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
        return b"".join(parts)


@cache
def shared_redis(url: str, sentinel_master: str) -> Redis:
    """The client that all of this process has in common; the arguments are `connect_redis`'s."""
    return connect_redis(url, sentinel_master, kind=AutoPipeline)


class _Asked:
    """A thread's call, and its answer."""

    __slots__ = ("_turn", "answer", "packed")

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.answer: Any = _UNANSWERED
        self._turn = Lock()
        self._turn.acquire()

    def wait(self) -> None:
        """Until there is an answer, or it is on this thread to get one."""
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


def _has_ended(connection: Any) -> bool:  # noqa: ANN401 - redis-py's
    """Between two exchanges nothing comes but its end, or what the pool sees to."""
    socket = connection._sock  # noqa: SLF001
    if socket is None:
        return True
    poller = poll()
    poller.register(socket, POLLIN)
    return bool(poller.poll(0))


def _answer(connection: Any) -> Any:  # noqa: ANN401 - what the script returns
    try:
        return connection.read_response()
    except ResponseError as exc:
        # Of this call alone.
        return exc
