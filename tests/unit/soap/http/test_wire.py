"""A process can be stopped between any two of its steps, for longer than a job is its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from worker.soap.http.wire import Deadline, NotSentError, SentLateError, Wire


class StoppedSocket(socket.socket):
    """The process stands still for an hour in each call but that which sends."""

    now = 0.0

    def settimeout(self, value: float | None, /) -> None:
        super().settimeout(value)
        self.now += 3600

    def clock(self) -> float:
        return self.now


class WaitingSocket(StoppedSocket):
    """The process stands still for an hour while it waits, and has room by then."""

    peer: socket.socket

    def settimeout(self, value: float | None, /) -> None:
        socket.socket.settimeout(self, value)

    def fileno(self) -> int:
        self.now += 3600
        waiting(self.peer)
        return super().fileno()


class StoppedAsItSends(StoppedSocket):
    """The process stands still for an hour in the call that sends."""

    def settimeout(self, value: float | None, /) -> None:
        socket.socket.settimeout(self, value)

    def send(self, *args: Any) -> int:
        self.now += 3600
        return super().send(*args)


@contextmanager
def connected(kind: type[StoppedSocket]) -> Iterator[tuple[StoppedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs, kind(fileno=ours.detach()) as stopped:
        theirs.settimeout(0)
        yield stopped, theirs


def send(stopped: StoppedSocket) -> None:
    deadline = Deadline(5, stopped.clock)
    Wire(stopped, stopped.clock()).exchange(b"update", "POST", 1, deadline)


def fill(sock: socket.socket) -> None:
    sock.settimeout(0)
    with suppress(BlockingIOError):
        while True:
            sock.send(bytes(65_536))


def waiting(sock: socket.socket) -> int:
    """Bytes that wait to be read."""
    got = 0
    while True:
        try:
            got += len(sock.recv(65_536))
        except BlockingIOError:
            return got


def test_a_worker_that_was_stopped_before_it_sends_sends_nothing() -> None:
    with connected(StoppedSocket) as (stopped, theirs):
        with pytest.raises(NotSentError, match="in time"):
            send(stopped)

        assert waiting(theirs) == 0


def test_one_that_was_stopped_while_it_waited_for_room_sends_nothing() -> None:
    with connected(WaitingSocket) as (stopped, theirs):
        assert isinstance(stopped, WaitingSocket)
        stopped.peer = theirs
        fill(stopped)
        with pytest.raises(NotSentError, match="in time"):
            send(stopped)

        assert stopped.now
        assert waiting(theirs) == 0


def test_one_that_was_stopped_as_it_sent_says_for_how_long() -> None:
    with connected(StoppedAsItSends) as (stopped, theirs):
        with pytest.raises(SentLateError) as late:
            send(stopped)

        assert late.value.late_s == 3595
        assert waiting(theirs) == len(b"update")
