"""Connections that fall silent: what one of them shows, the others of the process heed.

A firewall or NAT that forgets connections drops their packets without a word, usually those of all
connections at once. A caller notices it only by a timeout. Without this module each connection of
each pool would cost a timeout of its own, one after another.

When an answer does not come in time, every connection that has not been heard since the question
left is a suspect: it is closed when it is used next, and opened anew. A connection that has
answered since then is left alone. A server that is merely slow or frozen costs each connection one
reconnection at its next use, never more than one per timeout.

A command whose answer was lost is not repeated here: its caller hears of the timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

TRUSTED_S = 3
"""A connection that was idle for so long is tried by a PING before it is used."""
_PING_S = 2.0
"""A server that takes longer costs a reconnection, and nothing else."""


class _Silence:
    """The last silence of this process."""

    asked_at = -inf
    """When the question left that had no answer, by this process's monotonic clock."""


class _Listening:
    """When a connection was asked, and when it was heard."""

    asked_at = -inf
    """When the oldest question left that has no answer, if there is one."""
    heard_at = -inf
    _is_greeting = False
    """Answers to the first commands are still to be read: one of them would be taken for a PONG,
    and their absence says nothing of the connections that stand.
    """

    @property
    def is_suspect(self) -> bool:
        """Whether another connection has fallen silent since this one was last heard."""
        return not self._is_greeting and self.heard_at < _Silence.asked_at

    @property
    def waited_s(self) -> float:
        """For how long a question has been without an answer."""
        return monotonic() - self.asked_at if self._awaits_answer else 0.0

    def note_silence(self) -> None:
        """No answer came in time: this connection is a suspect from now on, and so are others."""
        if self._awaits_answer and not self._is_greeting:
            _Silence.asked_at = max(_Silence.asked_at, self.asked_at)

    @property
    def _awaits_answer(self) -> bool:
        return self.asked_at > self.heard_at

    def _note_question(self) -> None:
        if not self._awaits_answer:
            self.asked_at = monotonic()

    def _note_answer(self) -> None:
        self.heard_at = monotonic()

    @contextmanager
    def _greeting(self) -> Iterator[None]:
        was_greeting, self._is_greeting = self._is_greeting, True
        self._note_answer()
        try:
            yield
        finally:
            self._is_greeting = was_greeting


class Heeding(_Listening):
    """A mixin for redis-py's connections."""

    def connect(self) -> None:
        """As redis-py's; a pool calls it before it hands out the connection."""
        if self.is_suspect:
            self.disconnect()  # type: ignore[attr-defined] # a mixin
        super().connect()  # type: ignore[misc] # a mixin

    def on_connect(self) -> None:
        """As redis-py's."""
        with self._greeting():
            super().on_connect()  # type: ignore[misc] # a mixin

    def on_connect_check_health(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        """As redis-py's; its later releases call this one."""
        with self._greeting():
            super().on_connect_check_health(*args, **kwargs)  # type: ignore[misc] # a mixin

    def check_health(self) -> None:
        """Before a command, after some seconds of idleness: a firewall may have dropped it."""
        if self._is_greeting:
            return
        try:
            super().check_health()  # type: ignore[misc] # a mixin
        except (RedisConnectionError, RedisTimeoutError):
            self.disconnect()  # type: ignore[attr-defined] # a mixin
            self.connect()

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - as redis-py's
        """As redis-py's, which connects if need be."""
        if check_health and self.is_suspect:
            self.disconnect()  # type: ignore[attr-defined] # a mixin
        super().send_packed_command(command, check_health)  # type: ignore[misc] # a mixin
        self._note_question()

    def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py's
        """As redis-py's."""
        try:
            response = super().read_response(*args, **kwargs)  # type: ignore[misc] # a mixin
        except RedisTimeoutError:
            if "timeout" not in kwargs:  # else the caller was not willing to wait
                self.note_silence()
            raise
        except ResponseError:
            self._note_answer()
            raise
        self._note_answer()
        return response

    def _send_ping(self) -> None:
        sock = self._sock  # type: ignore[attr-defined]
        patience_s = sock.gettimeout() if sock else None
        if sock:
            sock.settimeout(min(_PING_S, patience_s or _PING_S))
        super()._send_ping()  # type: ignore[misc] # a mixin
        if sock:
            sock.settimeout(patience_s)


class AsyncHeeding(_Listening):
    """As Heeding, for redis-py's connections of an event loop."""

    async def connect(self) -> None:
        """As redis-py's; a pool calls it before it hands out the connection."""
        if self.is_suspect:
            await self.disconnect(nowait=True)  # type: ignore[attr-defined] # a mixin
        await super().connect()  # type: ignore[misc] # a mixin

    async def on_connect(self) -> None:
        """As redis-py's."""
        with self._greeting():
            await super().on_connect()  # type: ignore[misc] # a mixin

    async def on_connect_check_health(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        """As redis-py's; its later releases call this one."""
        with self._greeting():
            await super().on_connect_check_health(*args, **kwargs)  # type: ignore[misc] # a mixin

    async def check_health(self) -> None:
        """Before a command, after some seconds of idleness: a firewall may have dropped it."""
        if self._is_greeting:
            return
        try:
            await super().check_health()  # type: ignore[misc] # a mixin
        except (RedisConnectionError, RedisTimeoutError):
            await self.disconnect(nowait=True)  # type: ignore[attr-defined] # a mixin
            await self.connect()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - as redis-py's
        """As redis-py's, which connects if need be."""
        if check_health and self.is_suspect:
            await self.disconnect(nowait=True)  # type: ignore[attr-defined] # a mixin
        await super().send_packed_command(command, check_health)  # type: ignore[misc] # a mixin
        self._note_question()

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py's
        """As redis-py's."""
        try:
            response = await super().read_response(*args, **kwargs)  # type: ignore[misc] # a mixin
        except RedisTimeoutError:
            if kwargs.get("timeout") is None:  # else the caller was not willing to wait
                self.note_silence()
            raise
        except ResponseError:
            self._note_answer()
            raise
        self._note_answer()
        return response

    async def _send_ping(self) -> None:
        try:
            async with asyncio.timeout(_PING_S):
                await super()._send_ping()  # type: ignore[misc] # a mixin
        except TimeoutError as exc:
            self.note_silence()
            raise RedisTimeoutError("no answer to a PING") from exc
