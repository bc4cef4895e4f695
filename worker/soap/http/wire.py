"""One socket under one deadline, and an HTTP/1.1 exchange on it."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from worker.soap.http.encoding import UndecodableError, decoded

_PIECE_BYTES = 65_536
# What may be read of an answer whose status alone decides.
_REFUSAL_BYTES = 65_536
# Interim responses before the real one; http.client passes over each 100 by itself.
_MOST_INTERIM = 100


class NotSentError(Exception):
    """The request provably never left this machine."""


class CertificateRefusedError(NotSentError):
    """The server's certificate has expired, is not trusted or is another host's."""


class MaybeExecutedError(Exception):
    """The request left, or part of it, and no whole answer came back."""


class SentLateError(MaybeExecutedError):
    """The request left, and the deadline had passed by then.

    This process stood still between its last look at the clock and the end of the send.
    """

    def __init__(self, late_s: float) -> None:
        super().__init__(f"sent up to {late_s:.1f} s after its deadline")
        self.late_s = late_s


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Whole for status 200; for others what came of it, since their status decides."""


class Deadline:
    """A point in time that every wait is measured against."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds, more than 0; raises TimeoutError once it has passed."""
        if (left := self._end - self._clock()) <= 0:
            raise TimeoutError
        return left

    def passed_for(self) -> float:
        """Seconds; less than 0 before it has passed."""
        return self._clock() - self._end


class Wire:
    """A connection, kept alive between exchanges. Not for several threads at once."""

    def __init__(self, sock: socket.socket, now: float) -> None:
        self._sock = sock
        self.idle_since = now

    def is_quiet(self) -> bool:
        """Whether nothing waits to be read.

        Between exchanges anything else means that the peer has closed or speaks unasked: then no
        request must be trusted to it.
        """
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0)

    def close(self) -> None:
        self._sock.close()

    def exchange(
        self, request: bytes, method: str, max_bytes: int, deadline: Deadline
    ) -> tuple[HttpResponse, bool]:
        """The answer, and whether the connection can be used again.

        Raises NotSentError or MaybeExecutedError.
        """
        self._send(request, deadline)
        stream = _Stream(self._sock, deadline)
        with _reading(), _final_response(stream, method) as response:
            headers = {name.lower(): value for name, value in response.getheaders()}
            if response.status == http.client.OK:
                body = _whole(_read(response, max_bytes), headers, max_bytes)
            else:
                body = _start(_read_what_comes(response), headers)
            reusable = response.isclosed() and not response.will_close and stream.ended_clean()
        return HttpResponse(response.status, headers, body), reusable

    def open_tunnel(self, request: bytes, deadline: Deadline) -> int:
        """Sends a CONNECT request; the status of the answer, after which the peer is another."""
        self._send(request, deadline)
        stream = _Stream(self._sock, deadline)
        with _reading(), _final_response(stream, "CONNECT") as response:
            return response.status

    def _send(self, request: bytes, deadline: Deadline) -> None:
        """Whole, before the deadline. Raises NotSentError, SentLateError or MaybeExecutedError.

        A process can be stopped between any two of its instructions, for longer than it holds the
        job; what it sends when it goes on may be sent by another worker already. So nothing but
        the system call is between the look at the deadline and the bytes. With a timeout on the
        socket there would be much more: setting it and waiting for room each let other threads
        run, and a busy machine takes tens of milliseconds to come back.
        """
        self._sock.settimeout(0)
        left, unsent = False, memoryview(request)
        try:
            while unsent:
                try:
                    deadline.remaining()
                    unsent = unsent[self._sock.send(unsent) :]
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as exc:
                    # A part of a TLS record may be on its way.
                    left |= isinstance(exc, ssl.SSLError)
                    self._wait(exc, deadline)
                else:
                    left = True
        except OSError as exc:
            if left:
                raise MaybeExecutedError(_reason(exc)) from exc
            raise NotSentError(_reason(exc)) from exc
        if (late_s := deadline.passed_for()) > 0:
            raise SentLateError(late_s)

    def _wait(self, why: OSError, deadline: Deadline) -> None:
        """Until the socket can go on, or the deadline."""
        poll = select.poll()
        poll.register(
            self._sock, select.POLLIN if isinstance(why, ssl.SSLWantReadError) else select.POLLOUT
        )
        poll.poll(deadline.remaining() * 1000)


class _Stream(io.RawIOBase):
    """What http.client reads from: each single read is bounded by the one deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._ended = False
        self._buffer = _Buffer(self, _PIECE_BYTES)

    def response(self, method: str) -> http.client.HTTPResponse:
        """To be closed, which leaves the connection open."""
        return http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]

    def makefile(self, *_: object) -> io.BufferedReader:
        return self._buffer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - io's own signature
        if self._ended:
            return 0
        self._sock.settimeout(self._deadline.remaining())
        return self._sock.recv_into(buffer)

    def ended_clean(self) -> bool:
        """Whether nothing came after the answer; what did would be taken for the next one."""
        self._ended = True
        return not self._buffer.peek(1)


class _Buffer(io.BufferedReader):
    def close(self) -> None:
        """http.client closes what it has read to the end; the connection lives on."""


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise MaybeExecutedError(_reason(exc)) from exc
    except http.client.HTTPException as exc:
        # Its text may hold what the server sent, and so what it echoed.
        raise MaybeExecutedError(f"broken HTTP answer ({type(exc).__name__})") from None


def _whole(body: bytes, headers: Mapping[str, str], max_bytes: int) -> bytes:
    try:
        return decoded(body, headers.get("content-encoding", ""), max_bytes)
    except UndecodableError as exc:
        raise MaybeExecutedError(str(exc)) from exc


def _start(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A refusal's body. Its status decides, so a body that cannot be decoded is dropped."""
    try:
        encodings = headers.get("content-encoding", "")
        return decoded(body, encodings, _REFUSAL_BYTES, is_whole=False)
    except UndecodableError:
        return b""


def _final_response(stream: _Stream, method: str) -> http.client.HTTPResponse:
    """The response after any interim ones (102, 103), with its head read; to be closed."""
    for _ in range(_MOST_INTERIM):
        response = stream.response(method)
        response.begin()
        if not _is_interim(response.status):
            return response
        response.close()
    raise MaybeExecutedError("nothing but interim answers")


def _is_interim(status: int) -> bool:
    # After a 101 the peer would speak another protocol, which nobody has asked for.
    return status < http.client.OK and status != http.client.SWITCHING_PROTOCOLS


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    length = response.length
    if length is None:
        return _read_to_the_end(response, max_bytes)
    if length > max_bytes:
        raise _too_large(max_bytes)
    # In one piece: a large answer is not to be in memory twice.
    body = response.read(length) if length else b""
    if len(body) < length:
        raise MaybeExecutedError(f"the answer ended {length - len(body)} bytes early")
    return body


def _read_to_the_end(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while piece := response.read(_PIECE_BYTES):
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> MaybeExecutedError:
    return MaybeExecutedError(f"the answer is larger than {max_bytes} bytes")


def _read_what_comes(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_REFUSAL_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _reason(exc: OSError) -> str:
    if isinstance(exc, TimeoutError):
        return "no whole answer in time"
    return exc.strerror or str(exc) or type(exc).__name__
