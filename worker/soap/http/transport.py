"""HTTP to the vendor: no redirects, retries or cookies; errors tell whether anything was sent."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

from worker.soap.config import SoapConfig, is_safe
from worker.soap.http.dialer import Dialer
from worker.soap.http.proxy import environment_proxy
from worker.soap.http.wire import (
    CertificateRefusedError,
    Deadline,
    HttpResponse,
    MaybeExecutedError,
    NotSentError,
    Wire,
)

# Servers drop idle connections after a minute or more. Ours are dropped well before, so that a
# request hardly ever meets a connection that is just being closed.
_MAX_IDLE_S = 15.0


class _Host(NamedTuple):
    scheme: str
    name: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        standard = 443 if parts.scheme == "https" else 80
        return cls(parts.scheme, parts.hostname or "", parts.port or standard)


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    return _Host.of(url)


@cache
def _default_tls() -> ssl.SSLContext:
    """One for all accounts: it holds the system's certificates, half a megabyte of them."""
    return ssl.create_default_context()


class Transport:
    """A pool of connections, for all threads of the process."""

    def __init__(
        self,
        config: SoapConfig,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        dialer: Dialer | None = None,
    ) -> None:
        self._config = config
        self._tls = tls or _default_tls()
        self._clock = clock
        self._dialer = dialer or Dialer()
        self._idle: defaultdict[_Host, list[Wire]] = defaultdict(list)
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        before_send: Callable[[], None] = lambda: None,
    ) -> HttpResponse:
        """As `post`."""
        return self._call("GET", url, headers, b"", before_send)

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        before_send: Callable[[], None] = lambda: None,
    ) -> HttpResponse:
        """One exchange. `before_send` runs when a connection stands and nothing has left yet.

        Raises NotSentError, MaybeExecutedError, or what `before_send` raises.
        """
        return self._call("POST", url, headers, body, before_send)

    def close(self) -> None:
        with self._lock:
            wires = [wire for idle in self._idle.values() for wire in idle]
            self._idle.clear()
        for wire in wires:
            wire.close()

    def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        before_send: Callable[[], None],
    ) -> HttpResponse:
        if not is_safe(url):
            raise NotSentError("the address is neither https nor loopback")
        host = _Host.of(url)
        request = _request(method, url, headers, body)
        deadline = Deadline(self._config.call_timeout_s, self._clock)
        idle = self._take(host)
        wire = idle or self._connect(host, deadline)
        reusable = False
        try:
            before_send()
            if idle and not idle.is_quiet():
                idle.close()
                wire = self._connect(host, deadline)
            answer, reusable = wire.exchange(
                request, method, self._config.max_answer_bytes, deadline
            )
        finally:
            if reusable:
                self._keep_idle(host, wire)
            else:
                wire.close()
        return answer

    def _take(self, host: _Host) -> Wire | None:
        while True:
            with self._lock:
                idle = self._idle[host]
                wire = idle.pop() if idle else None
            if wire is None:
                return None
            if self._clock() - wire.idle_since < _MAX_IDLE_S and wire.is_quiet():
                return wire
            wire.close()

    def _keep_idle(self, host: _Host, wire: Wire) -> None:
        wire.idle_since = self._clock()
        with self._lock:
            idle = self._idle[host]
            if keep := len(idle) < self._config.max_connections:
                idle.append(wire)
        if not keep:
            wire.close()

    def _connect(self, host: _Host, deadline: Deadline) -> Wire:
        """Raises NotSentError. The resolver has its own time limit, set in the system."""
        try:
            return Wire(self._open(host, deadline), self._clock())
        except ssl.SSLCertVerificationError as exc:
            raise CertificateRefusedError(exc.verify_message) from exc
        except (OSError, UnicodeError) as exc:
            raise NotSentError(f"cannot connect: {getattr(exc, 'strerror', None) or exc}") from exc

    def _open(self, host: _Host, deadline: Deadline) -> socket.socket:
        def limit() -> float:
            return min(self._config.connect_timeout_s, deadline.remaining())

        proxy = self._proxy(host)
        address = _Host.of(proxy) if proxy else host
        sock = self._dialer.connect(address.name, address.port, limit())
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy:
                _open_tunnel(sock, host, proxy, Deadline(limit(), self._clock))
            if host.scheme == "https":
                sock.settimeout(limit())
                sock = self._tls.wrap_socket(sock, server_hostname=host.name)
        except BaseException:
            sock.close()
            raise
        return sock

    def _proxy(self, host: _Host) -> str | None:
        """The proxy's URL; plain http goes to loopback only and never to a proxy."""
        if not self._config.use_environment_proxies or host.scheme != "https":
            return None
        return environment_proxy(host.name, host.port)


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Accept-Encoding: gzip",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode("ascii") + body


def _open_tunnel(sock: socket.socket, host: _Host, proxy: str, deadline: Deadline) -> None:
    target = f"{host.name}:{host.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *_proxy_login(proxy), "\r\n"]
    try:
        status = Wire(sock, 0).open_tunnel("\r\n".join(lines).encode(), deadline)
    except (NotSentError, MaybeExecutedError) as exc:
        raise OSError(f"no tunnel through the proxy: {exc}") from exc
    if status != http.client.OK:
        raise OSError(f"the proxy refused with status {status}")


def _proxy_login(proxy: str) -> list[str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return []
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return [f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}"]
