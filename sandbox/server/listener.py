"""The bound port and the connections made through it."""

from __future__ import annotations

import asyncio
import socket

from sandbox.server.connection import Connection, Handler

_BACKLOG = 4096


class Listener:
    """A bound port, listening or not, and the connections made through it."""

    def __init__(self, host: str, port: int) -> None:
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._address: tuple[object, ...] = (host, port)
        self._bind()

    @property
    def port(self) -> object:
        return self._address[1]

    async def listen(self, handler: Handler) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(handler, self._connections), sock=self._socket, backlog=_BACKLOG
        )

    def close(self) -> None:
        self._stop_listening()
        self._abort_connections()

    def outage(self, seconds: float, handler: Handler) -> None:
        """Refuses connections for so long; those there are end once what is being answered is."""
        self._stop_listening()
        # The port stays bound: another process must not get it, nor a client connect to itself.
        self._bind()
        loop = asyncio.get_running_loop()
        loop.call_soon(self._abort_connections)
        loop.call_later(seconds, self._reopen, handler)

    def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
        self._socket.close()

    def _abort_connections(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    def _reopen(self, handler: Handler) -> None:
        self._reopening = asyncio.get_running_loop().create_task(self.listen(handler))

    def _bind(self) -> None:
        host, port = self._address[:2]
        addresses = socket.getaddrinfo(str(host), str(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = addresses[0]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(address)
        self._address = self._socket.getsockname()
