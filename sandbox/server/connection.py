"""One client connection: enough of HTTP/1.1, with keep-alive, as an asyncio protocol."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

from sandbox.contract.http import Delivery, Request, Response

_MAX_REQUEST_BYTES = 16 * 2**20
_INTERIM = (
    b"HTTP/1.1 102 Processing\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
)
_ENDLESS_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_ENDLESS_BUFFER_BYTES = 2**20
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_HEAD = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.([01])\r\n")


class BadRequestError(Exception):
    pass


class Handler(Protocol):
    def refuses(self, start: bytes) -> bool:
        """Whether to reset a connection at a request's first bytes."""

    def handle(self, request: Request, reply: Callable[[Response], None]) -> None:
        """Calls `reply` once, now or later."""


class Connection(asyncio.Protocol):
    """One client; its requests are answered one after the other."""

    def __init__(self, handler: Handler, open_connections: set[Connection]) -> None:
        self._handler = handler
        self._open_connections = open_connections
        self._received = bytearray()
        self._request: Request | None = None
        self._used = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers get
        self._transport = transport
        self._open_connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._open_connections.discard(self)

    def data_received(self, data: bytes) -> None:
        begins = self._request is None and not self._received
        if begins and self._handler.refuses(data):
            self._reset()
            return
        self._received += data
        self._next_request()

    def abort(self) -> None:
        self._transport.abort()

    def _next_request(self) -> None:
        if self._request is not None or self._transport.is_closing():
            return
        try:
            request = take_request(self._received)
        except BadRequestError as exc:
            refusal = Response(400, str(exc).encode())
            self._transport.write(refusal.head(keep_alive=False) + refusal.body)
            self._transport.close()
            return
        if request is not None:
            self._request = request if self._used else replace(request, opens=True)
            self._used = True
            self._handler.handle(self._request, self._reply)

    def _reply(self, answer: Response) -> None:
        request, transport = self._request, self._transport
        if request is None or transport.is_closing():
            return
        match answer.delivery:
            case Delivery.WHOLE:
                transport.write(answer.head(keep_alive=request.keep_alive) + answer.body)
                self._finished(keep_alive=request.keep_alive)
            case Delivery.INTERIM:
                transport.write(_INTERIM + answer.head(keep_alive=request.keep_alive))
                transport.write(answer.body)
                self._finished(keep_alive=request.keep_alive)
            case Delivery.RESET:
                self._reset()
            case Delivery.SILENT:
                pass
            case Delivery.DRIP:
                transport.write(answer.head(keep_alive=request.keep_alive))
                self._drip(answer, request, 0)
            case Delivery.SHORT:
                half = answer.body[: len(answer.body) // 2]
                transport.write(answer.head(keep_alive=True) + half)
                transport.close()
            case Delivery.ENDLESS:
                transport.write(answer.head(keep_alive=True))
                self._pour()

    def _finished(self, *, keep_alive: bool) -> None:
        self._request = None
        if not keep_alive:
            self._transport.close()
        elif self._received:
            asyncio.get_running_loop().call_soon(self._next_request)

    def _reset(self) -> None:
        connected: socket.socket = self._transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _drip(self, answer: Response, request: Request, position: int) -> None:
        if self._transport.is_closing():
            return
        if position == len(answer.body):
            self._finished(keep_alive=request.keep_alive)
            return
        self._transport.write(answer.body[position : position + 1])
        loop = asyncio.get_running_loop()
        loop.call_later(answer.pause, self._drip, answer, request, position + 1)

    def _pour(self) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() < _ENDLESS_BUFFER_BYTES:
            self._transport.write(_ENDLESS_CHUNK)
        asyncio.get_running_loop().call_later(0.001, self._pour)


def take_request(received: bytearray) -> Request | None:
    """Takes the first request off the bytes received, once all of it is there. Raises
    BadRequestError for what is not a request that this server can read.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > _MAX_REQUEST_BYTES:
            raise BadRequestError("The head is too long.")
        return None
    head = bytes(received[: end + 2])
    started = _HEAD.match(head)
    if started is None:
        raise BadRequestError("This is not HTTP/1.1.")
    headers = _headers(head[started.end() :])
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal():
        raise BadRequestError("A Content-Length is needed.")
    total = end + 4 + int(length)
    if total > _MAX_REQUEST_BYTES:
        raise BadRequestError("The request is too large.")
    if len(received) < total:
        return None
    body = bytes(received[end + 4 : total])
    del received[:total]
    target = urlsplit(started[2].decode("latin-1"))
    keep_alive = started[3] == b"1" and headers.get("connection", "").lower() != "close"
    method = started[1].decode()
    return Request(method, unquote(target.path), target.query, headers, body, keep_alive)


def _headers(lines: bytes) -> dict[str, str]:
    headers = {}
    for line in lines.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers
