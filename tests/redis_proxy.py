"""A name behind which Redis servers change, with TLS or without, as a managed Redis has it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536


@dataclass
class Proxy:
    """Forwards each new connection to `target`; those that are open stay where they lead."""

    target: int
    """A port of this machine."""
    tls: ssl.SSLContext | None = None
    takes_plain: bool = False
    """Beside TLS: whoever does not begin with it is served as he is, as a sentinel is."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _muted: threading.Event = field(default_factory=threading.Event)
    """Of the connections that are opened now."""
    is_deaf: bool = False
    """Whether connections that are opened now get no answer, ever."""

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def mute(self) -> None:
        """Those that are open answer no more, as when a firewall has forgotten them."""
        self._muted.set()
        self._muted = threading.Event()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self.listener.accept()
                threading.Thread(target=self._forward, args=(accepted,), daemon=True).start()

    def _forward(self, accepted: socket.socket) -> None:
        muted = self._muted
        if self.is_deaf:
            muted = threading.Event()
            muted.set()
        with suppress(OSError), accepted:
            client = self._decrypted(accepted)
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                back = threading.Thread(target=_copy, args=(server, client, muted), daemon=True)
                back.start()
                _copy(client, server, muted)
                back.join()

    def _decrypted(self, accepted: socket.socket) -> socket.socket:
        if self.tls is None or (self.takes_plain and not _begins_with_tls(accepted)):
            return accepted
        return self.tls.wrap_socket(accepted, server_side=True)


def _begins_with_tls(accepted: socket.socket) -> bool:
    handshake = b"\x16"
    return accepted.recv(1, socket.MSG_PEEK) == handshake


def _copy(source: socket.socket, sink: socket.socket, muted: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            if not muted.is_set():
                sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(
    target: int, tls: ssl.SSLContext | None = None, *, takes_plain: bool = False
) -> Iterator[Proxy]:
    """On a port of its own, for the time of the block."""
    running = Proxy(target, tls, takes_plain)
    threading.Thread(target=running.serve, daemon=True).start()
    try:
        yield running
    finally:
        # Closing alone would not wake whoever waits in accept.
        with suppress(OSError):
            running.listener.shutdown(socket.SHUT_RDWR)
        running.listener.close()
