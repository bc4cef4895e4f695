"""Scripts that threads call at the same time go to Redis together, in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock, local
from time import monotonic
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, RedisError, ResponseError

from revio_jobs.connection import connect_redis
from revio_jobs.key_prefix import key_prefix_of
from revio_jobs.redis_faults import Remedy, fault_of, remedy_of
from worker.redis_kit.unread import has_unread

_UNANSWERED: Any = object()
_TRUSTED_S = 1.0


class Escort:
    """A script that leaves together with the next one of the same thread, and costs no exchange.

    Nobody waits for it. If that exchange fails, or there is none, it may not have been called.
    """

    def __init__(self, script: Script, keys: Sequence[Any], args: Sequence[Any]) -> None:
        self.script = script
        self.command = ("EVALSHA", script.sha, len(keys), *keys, *args)
        self.answer: Any = None
        """The script's answer, or an error; None if it was not called."""


class AutoPipeline(Redis):
    """A client whose threads share round trips, and which leaves a server that is the wrong one.

    A script called alone leaves at once. What other threads call while it is under way leaves
    together as soon as its answer has come, in the order of calling. Each caller gets just its own
    answer or error; when the connection fails, all that had no answer yet hear of it.

    Why: with a connection per thread, the system calls and the changes of thread in a busy worker
    cost several times what the scripts do. A dedicated sender thread would add two
    changes of thread to each call, also when nobody else is calling. So the first caller leads: it
    sends what is there, reads all answers and then wakes the first of those who came meanwhile, who
    leads next. What breaks if this is changed: a leader that raised between sending and reading
    would leave answers on the connection, and the next caller would take them for its own, so any
    such connection is dropped; a process that has called scripts must not fork, since the child
    would share the connection; and no signal handler may raise in a caller.

    After a fail-over behind one name, open connections stay with the old server, which answers
    READONLY and the like for ever. Whenever the error table says that a connection leads to the
    wrong server or nowhere, this client drops its idle connections too, so that the next ones
    resolve the name again; a command that the wrong server has refused was not carried out and is
    repeated once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Redis's
        super().__init__(*args, **kwargs)
        self._encode: Callable[[Any], bytes] = self.get_encoder().encode
        self._key_prefix = key_prefix_of(self.connection_pool)
        self._lock = Lock()
        self._asked: list[_Asked] = []
        self._is_busy = False
        self._connection: Any = None
        self._taken_at = 0.0
        self._escorts = local()
        self.exchanges = 0
        """Round trips so far that carried scripts."""
        self.scripts_sent = 0

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Redis's
        """As Redis's; anything but a script goes its own way."""
        try:
            return self._carry_out(*args, **options)
        except RedisError as exc:
            # If Redis did not answer with an error, the command may have been carried out.
            if not drop_if_wrong(self.connection_pool, exc) or fault_of(exc) is None:
                raise
        return self._carry_out(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:  # noqa: ANN401, FBT001, FBT002 - as Redis's
        """As Redis's, but leaves a server that is the wrong one."""
        return DroppingPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )

    def send_ahead(self, escort: Escort) -> None:
        """Call it just before this thread's next script; it replaces one that waits for that."""
        self._escorts.ahead = escort

    def send_behind(self, escort: Escort) -> None:
        """As `send_ahead`, just after this thread's next script."""
        self._escorts.behind = escort

    def _carry_out(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Redis's
        if args[0] != "EVALSHA":
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        ahead, behind = (self._escorts.__dict__.pop(place, None) for place in ("ahead", "behind"))
        mine = _Asked(self._packed(args))
        escorts = {
            escort: _Asked(self._packed(escort.command), is_escort=True)
            for escort in (ahead, behind)
            if escort
        }
        asked = [escorts.get(ahead), mine, escorts.get(behind)]
        with self._lock:
            self._asked.extend(filter(None, asked))
            leads, self._is_busy = not self._is_busy, True
        if not leads:
            mine.wait()
        if mine.answer is _UNANSWERED:
            self._lead(mine)
        for escort, handle in escorts.items():
            escort.answer = handle.answer
            if isinstance(handle.answer, NoScriptError):
                self.script_load(escort.script.script)
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        return mine.answer

    def _lead(self, mine: _Asked) -> None:
        """Make one exchange for all callers that wait, then let the next one lead."""
        with self._lock:
            together, self._asked = self._asked, []
        self._exchange(together)
        with self._lock:
            heir = [handle for handle in self._asked if not handle.is_escort][:1]
            self._is_busy = bool(heir)
        for handle in (*heir, *together):
            if handle is not mine:
                handle.wake()

    def _exchange(self, together: Sequence[_Asked]) -> None:
        self.exchanges += 1
        self.scripts_sent += len(together)
        try:
            connection = self._connected()
            try:
                connection.send_packed_command([b"".join([handle.packed for handle in together])])
                for handle in together:
                    handle.answer = _answer(connection)
                if any(map(_is_of_wrong_server, together)):
                    connection.disconnect()
                    self._release_connection()
            except BaseException:
                # What still comes would be taken for the answers to later calls.
                connection.disconnect()
                self._release_connection()
                raise
        except BaseException as exc:  # noqa: BLE001 - each caller raises it
            error = _as_redis_error(exc)
            for handle in together:
                if handle.answer is _UNANSWERED:
                    handle.answer = error

    def _connected(self) -> Any:  # noqa: ANN401 - redis-py's connection
        """The connection, kept for a second: then the pool checks it and finds the master again."""
        now = monotonic()
        # Between two exchanges there is nothing to read but the connection's end.
        if self._connection and (now - self._taken_at > _TRUSTED_S or has_unread(self._connection)):
            self._release_connection()
        if not self._connection:
            self._connection, self._taken_at = self.connection_pool.get_connection(), now
        return self._connection

    def _release_connection(self) -> None:
        connection, self._connection = self._connection, None
        self.connection_pool.release(connection)

    def _packed(self, args: Sequence[Any]) -> bytes:
        """As bytes of Redis's protocol. Raises DataError here, where it is nobody else's fault."""
        parts = [b"*%d\r\n" % len(args)]
        for arg in self._key_prefix.apply(args):
            value = self._encode(arg)
            parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
        return b"".join(parts)


def _as_redis_error(exc: BaseException) -> BaseException:
    """redis-py does not report every lost connection as one: a connection that it closes while an
    answer is read raises ValueError or AttributeError, which would end the caller's job.
    """
    if isinstance(exc, RedisError) or not isinstance(exc, Exception):
        return exc
    return ConnectionLost(f"the connection to Redis broke: {exc!r}")


class DroppingPipeline(Pipeline):
    """Commands that leave together."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as Redis's
        """As Redis's."""
        try:
            return super().execute(raise_on_error)
        except RedisError as exc:
            drop_if_wrong(self.connection_pool, exc)
            raise


def drop_if_wrong(pool: Any, error: BaseException) -> bool:  # noqa: ANN401 - redis-py's pool
    """Whether the error says that the connection leads to the wrong server, or nowhere.

    The pool's idle connections are then dropped: they lead there, too.
    """
    if remedy_of(error) is not Remedy.RECONNECT:
        return False
    pool.disconnect(inuse_connections=False)
    return True


@cache
def shared_redis(url: str, sentinel_master: str) -> AutoPipeline:
    """The client that all of this process has in common; the arguments are `connect_redis`'s."""
    return cast("AutoPipeline", connect_redis(url, sentinel_master, kind=AutoPipeline))


class _Asked:
    """A thread's call, and its answer."""

    __slots__ = ("_turn", "answer", "is_escort", "packed")

    def __init__(self, packed: bytes, *, is_escort: bool = False) -> None:
        self.packed = packed
        self.is_escort = is_escort
        """No thread waits for its answer."""
        self.answer: Any = _UNANSWERED
        self._turn = Lock()
        self._turn.acquire()

    def wait(self) -> None:
        """Wait until there is an answer, or until this thread has to lead."""
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


def _is_of_wrong_server(asked: _Asked) -> bool:
    answer = asked.answer
    return isinstance(answer, ResponseError) and remedy_of(answer) is Remedy.RECONNECT


def _answer(connection: Any) -> Any:  # noqa: ANN401 - what the script returns
    try:
        return connection.read_response()
    except ResponseError as exc:
        # It concerns this call alone.
        return exc
