"""TCP connections to a host by whichever of its addresses answers first (RFC 8305).

Trying one address after the other costs the whole connect timeout for each dead one, again after
every quiet minute, when the pool has dropped its connections.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple, Self

# RFC 8305, "Connection Attempt Delay": the recommended time before the next address is tried too.
_STAGGER_S = 0.25


class Address(NamedTuple):
    """As `socket.getaddrinfo` returns it."""

    family: int
    kind: int
    protocol: int
    canonical_name: str
    place: tuple[object, ...]


Resolve = Callable[[str, int], Sequence[Address]]


def resolve(name: str, port: int) -> list[Address]:
    """All TCP addresses of a host. Raises OSError. The system's time limit applies."""
    infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [Address(*info) for info in infos]


class Dialer:
    """Thread-safe. Remembers which address of a host answered last, and tries that one first."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._clock = clock
        self._last_good: dict[tuple[str, int], Address] = {}

    def connect(self, name: str, port: int, timeout_s: float) -> socket.socket:
        """A connected, blocking socket. Raises OSError; TimeoutError after `timeout_s`."""
        addresses = interleaved(self._resolve(name, port))
        last_good = self._last_good.get((name, port))
        if last_good in addresses:
            addresses.remove(last_good)
            addresses.insert(0, last_good)
        with _Race(addresses, self._clock) as race:
            sock, address = race.run(self._clock() + timeout_s)
        self._last_good[name, port] = address
        sock.setblocking(True)  # noqa: FBT003 - socket's own signature
        return sock


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """IPv6 and IPv4 alternating, in the resolver's order, beginning with its first."""
    first = [a for a in addresses if a.family == addresses[0].family]
    others = [a for a in addresses if a.family != addresses[0].family]
    return [a for a in chain.from_iterable(zip_longest(first, others)) if a]


class _Race:
    """Attempts at several addresses, of which the first to succeed wins and the others end."""

    def __init__(self, addresses: Iterable[Address], clock: Callable[[], float]) -> None:
        self._waiting = list(addresses)
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._error: OSError = OSError(errno.EADDRNOTAVAIL, "the host has no address")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            if isinstance(sock, socket.socket):
                sock.close()
        self._selector.close()

    def run(self, ends_at: float) -> tuple[socket.socket, Address]:
        while self._waiting or self._selector.get_map():
            if self._waiting:
                self._start(self._waiting.pop(0))
            # Without other attempts to wait for, the next address is tried at once.
            next_at = self._clock() + _STAGGER_S if self._waiting else ends_at
            for winner in self._finished(min(next_at, ends_at)):
                return winner
            if self._clock() >= ends_at:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        raise self._error

    def _start(self, address: Address) -> None:
        try:
            sock = socket.socket(address.family, address.kind, address.protocol)
        except OSError as exc:  # this host has no such family
            self._error = exc
            return
        sock.setblocking(False)  # noqa: FBT003 - socket's own signature
        failed = sock.connect_ex(address.place)
        if failed in {0, errno.EINPROGRESS}:
            self._selector.register(sock, selectors.EVENT_WRITE, address)
        else:
            self._note(sock, failed)

    def _finished(self, until: float) -> Iterator[tuple[socket.socket, Address]]:
        """The attempt that has succeeded by then, if one has; nothing as soon as one has failed."""
        while self._selector.get_map() and (left_s := until - self._clock()) > 0:
            for key, _ in self._selector.select(left_s):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)  # noqa: S101 - nothing else is registered
                self._selector.unregister(sock)
                failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not failed:
                    yield sock, key.data
                    return
                self._note(sock, failed)
                if self._waiting:
                    return

    def _note(self, sock: socket.socket, failed: int) -> None:
        sock.close()
        self._error = OSError(failed, os.strerror(failed))
