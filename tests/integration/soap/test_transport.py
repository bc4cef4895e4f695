from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event, Semaphore
from typing import Any

import pytest

from tests.integration.soap.accounts import config
from tests.integration.soap.servers import (
    OK,
    Script,
    answering,
    certificate,
    serving,
)
from tests.patience import PATIENCE_S
from worker.soap.http.transport import Transport
from worker.soap.http.wire import (
    CertificateRefusedError,
    HttpResponse,
    MaybeExecutedError,
    NotSentError,
)

BODY = b"<request/>"


@contextmanager
def transport(tls: ssl.SSLContext | None = None, **changes: Any) -> Iterator[Transport]:
    clock: Callable[[], float] = changes.pop("clock", time.monotonic)
    opened = Transport(config("https://unused.example/", **changes), tls=tls, clock=clock)
    try:
        yield opened
    finally:
        opened.close()


def post(
    url: str, body: bytes = BODY, *, wait_s: float = PATIENCE_S, **changes: Any
) -> HttpResponse:
    """Time passes once the request leaves, and `wait_s` of it are left then."""
    leaves = Event()

    def times() -> Iterator[float]:
        while not leaves.is_set():
            yield 0.0
        began = time.monotonic()
        while True:
            yield PATIENCE_S - wait_s + time.monotonic() - began

    with transport(call_timeout_s=PATIENCE_S, clock=times().__next__, **changes) as opened:
        return opened.post(url, {}, body, leaves.set)


def ask(script: Script, **changes: Any) -> HttpResponse:
    with serving(script) as server:
        return post(server.url, **changes)


def reset(connection: socket.socket, _: bytes = b"") -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def trusting(directory: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(directory / "cert.pem"))


def dripping(data: bytes, pause: float = 0.02) -> Script:
    def drip(connection: socket.socket, _: bytes) -> None:
        for byte in data * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return drip


def test_the_request_is_what_was_given_and_no_more() -> None:
    with serving(answering(OK)) as server, transport() as opened:
        answer = opened.post(server.url + "?a=b", {"SOAPAction": '"x"'}, BODY)

    assert (answer.status, answer.body) == (200, b"ok")
    host = server.url.split("/")[2].encode()
    assert server.requests == [
        b"POST /v20/default.asmx?a=b HTTP/1.1\r\nHost: " + host + b"\r\n"
        b'Accept-Encoding: gzip\r\nSOAPAction: "x"\r\nContent-Length: 10\r\n\r\n<request/>'
    ]


def test_a_connection_is_used_again() -> None:
    with serving(answering(OK)) as server, transport() as opened:
        for _ in range(5):
            opened.post(server.url, {}, BODY)

    assert (len(server.requests), server.connections) == (5, 1)


def test_as_many_connections_are_kept_as_there_are_threads() -> None:
    all_asked = Barrier(4)

    def together(connection: socket.socket, _: bytes) -> None:
        all_asked.wait(PATIENCE_S)
        connection.sendall(OK)

    with serving(together) as server, transport(max_connections=4) as opened:
        for _ in range(2):
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(lambda _: opened.post(server.url, {}, BODY), range(4)))

        assert (len(server.requests), server.connections) == (8, 4)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["close", "1.0", "more than was asked for", "not read to the end"],
)
def test_a_connection_that_cannot_be_trusted_is_not_used_again(answer: bytes) -> None:
    with serving(answering(answer)) as server, transport() as opened:
        for _ in range(2):
            assert opened.post(server.url, {}, BODY).body[:4] in {b"ok", b"xxxx"}

        assert server.connections == 2


def test_what_comes_unasked_later_spoils_the_connection_too() -> None:
    heard, spoilt = Event(), Event()

    def twice(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK)
        heard.wait(PATIENCE_S)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake")
        spoilt.set()

    with serving(twice) as server, transport() as opened:
        opened.post(server.url, {}, BODY)
        heard.set()
        assert spoilt.wait(PATIENCE_S)
        assert opened.post(server.url, {}, BODY).body == b"ok"

        assert server.connections == 2


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_a_fault() -> None:
    closed = Semaphore(0)

    def once(connection: socket.socket, _: bytes) -> None:
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    with serving(once) as server, transport() as opened:
        for _ in range(5):
            assert opened.post(server.url, {}, BODY).body == b"ok"
            assert closed.acquire(timeout=PATIENCE_S)

        assert server.connections == 5


def test_one_closed_while_the_intent_is_written_is_replaced() -> None:
    sockets: list[socket.socket] = []

    def remembering(connection: socket.socket, _: bytes) -> None:
        sockets.append(connection)
        connection.sendall(OK)

    def close_it() -> None:
        sockets[0].shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)

    with serving(remembering) as server, transport() as opened:
        opened.post(server.url, {}, BODY)
        assert opened.post(server.url, {}, BODY, close_it).body == b"ok"

        assert (len(server.requests), server.connections) == (2, 2)


def test_an_old_connection_is_not_used_again() -> None:
    now = [100.0]
    with serving(answering(OK)) as server, transport(clock=lambda: now[0]) as opened:
        opened.post(server.url, {}, BODY)
        now[0] += 16
        opened.post(server.url, {}, BODY)

        assert server.connections == 2


def test_a_refused_connection_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with transport() as opened, pytest.raises(NotSentError, match="refused"):
        opened.post(f"http://127.0.0.1:{port}/", {}, BODY, pytest.fail)


def test_a_name_that_does_not_resolve_was_not_sent() -> None:
    with transport() as opened, pytest.raises(NotSentError, match="cannot connect"):
        opened.post("https://nowhere.invalid/", {}, BODY, pytest.fail)
    with transport() as opened, pytest.raises(NotSentError, match="cannot connect"):
        opened.post(f"https://{'x' * 70}.example/", {}, BODY, pytest.fail)


def test_a_connection_that_takes_too_long_was_not_sent() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.settimeout(0)
            client.connect_ex(address)
        started = time.monotonic()
        with transport(connect_timeout_s=0.2) as opened, pytest.raises(NotSentError):
            opened.post(f"http://127.0.0.1:{address[1]}/", {}, BODY, pytest.fail)

        assert time.monotonic() - started > 0.15
        for job in waiting:
            job.close()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (reset, "reset"),
        (
            lambda connection, _: connection.shutdown(socket.SHUT_RDWR),
            "closed connection without response",
        ),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), "no whole answer"),
        (answering(b"no http at all\r\n\r\n"), "BadStatusLine"),
        (answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), "LineTooLong"),
        (answering(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"), "HTTPException"),
    ],
)
def test_once_it_was_sent_it_may_have_been_executed(script: Script, said: str) -> None:
    with pytest.raises(MaybeExecutedError, match=said):
        ask(script, wait_s=0.5 if said == "no whole answer" else PATIENCE_S)


def test_an_answer_that_ends_early_is_not_whole() -> None:
    def short(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
        connection.shutdown(socket.SHUT_RDWR)

    def short_chunks(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")
        connection.shutdown(socket.SHUT_RDWR)

    for script in (short, short_chunks):
        with pytest.raises(MaybeExecutedError, match=r"early|IncompleteRead"):
            ask(script)


def test_chunks_are_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with serving(answering(chunked)) as server, transport() as opened:
        for _ in range(2):
            assert opened.post(server.url, {}, BODY).body == b"abcde"
        assert server.connections == 1


@pytest.mark.parametrize(
    "script",
    [
        lambda *_: time.sleep(3600),
        dripping(b"HTTP/1.1 200 OK\r\nX: y\r\n"),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0),
        lambda c, _: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), dripping(b"<a/>")(c, b"")),
        lambda c, _: (c.sendall(b"HTTP/1.1 403 No\r\n\r\n"), dripping(b"<a/>")(c, b"")),
    ],
    ids=["silent", "headers", "continue", "body", "refusal"],
)
def test_nothing_outlasts_the_deadline(script: Script) -> None:
    started = time.monotonic()
    try:
        ask(script, wait_s=0.3)
    except MaybeExecutedError as exc:
        assert "in time" in str(exc)  # noqa: PT017 - a refusal's status decides without its body

    assert time.monotonic() - started < 60


def test_a_peer_that_does_not_read_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(MaybeExecutedError):
            post(url, b"x" * 50_000_000, wait_s=0.3)


def test_a_peer_that_does_not_read_behind_tls_is_given_up(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "127.0.0.1")
    given_up = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as server:

        def shake_hands() -> None:
            with tls.wrap_socket(listener.accept()[0], server_side=True):
                given_up.wait(PATIENCE_S)

        deaf = server.submit(shake_hands)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        try:
            with pytest.raises(MaybeExecutedError, match="in time"):
                post(url, b"x" * 50_000_000, wait_s=0.3, tls=trusting(tmp_path))
        finally:
            given_up.set()
        deaf.result()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_larger_than_what_the_peer_takes_at_once_arrives_whole(
    tmp_path: Path, scheme: str
) -> None:
    tls = certificate(tmp_path, "127.0.0.1") if scheme == "https" else None
    body = bytes(range(256)) * 60_000
    with (
        serving(answering(OK), tls) as server,
        transport(trusting(tmp_path) if tls else None, call_timeout_s=PATIENCE_S) as opened,
    ):
        assert opened.post(server.url, {}, body).body == b"ok"

        assert server.requests[0].partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    "head", [b"Content-Length: 3000", b"Transfer-Encoding: chunked", b"Connection: close"]
)
def test_an_answer_beyond_the_limit_is_not_taken(head: bytes) -> None:
    def much(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with pytest.raises(MaybeExecutedError, match="larger than 2000 bytes"):
        ask(much, max_answer_bytes=2000)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    with serving(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        assert ask(answering(moved.encode())).status == status
        assert not elsewhere.requests


def test_cookies_are_dropped() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\nok"
    with serving(answering(cookie)) as server, transport() as opened:
        for _ in range(2):
            opened.post(server.url, {}, BODY)

        assert not any(b"cookie" in request.lower() for request in server.requests)


def test_the_environments_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert ask(answering(OK)).body == b"ok"


def test_plain_http_goes_to_this_machine_only() -> None:
    with transport() as opened, pytest.raises(NotSentError, match="neither https nor loopback"):
        opened.post("http://vendor.example/", {}, BODY, pytest.fail)


def test_https_works_with_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "127.0.0.1")
    with serving(answering(OK), tls) as server, transport(trusting(tmp_path)) as opened:
        for _ in range(3):
            assert opened.post(server.url, {}, BODY).body == b"ok"

        assert server.connections == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "127.0.0.1")
    with serving(answering(OK), tls) as server, transport() as opened:
        with pytest.raises(CertificateRefusedError):
            opened.post(server.url, {}, BODY, pytest.fail)

        assert not server.requests


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "vendor.example")
    with serving(answering(OK), tls) as server, transport(trusting(tmp_path)) as opened:
        with pytest.raises(CertificateRefusedError):
            opened.post(server.url, {}, BODY, pytest.fail)

        assert not server.requests


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for() -> None:
    with serving(answering(OK)) as server, transport(call_timeout_s=1) as opened:
        with pytest.raises(NotSentError):
            opened.post(server.url.replace("http:", "https:"), {}, BODY, pytest.fail)

        assert not any(BODY in request for request in server.requests)


def tunnel(tls: ssl.SSLContext) -> Script:
    """A proxy that is the target itself."""

    def answer(connection: socket.socket, request: bytes) -> None:
        assert request.startswith(b"CONNECT ")
        connection.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as inside:
            inside.recv(65_536)
            inside.sendall(OK)

    return answer


def test_a_proxy_is_used_if_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = certificate(tmp_path, "vendor.example")
    with serving(tunnel(tls)) as proxy:
        host = proxy.url.split("/")[2]
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@{host}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with transport(trusting(tmp_path), use_environment_proxies=True) as opened:
            assert opened.post("https://vendor.example/a", {}, BODY).body == b"ok"

    [request] = proxy.requests
    assert request.startswith(b"CONNECT vendor.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in request


def test_a_proxy_that_refuses_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with (
            transport(use_environment_proxies=True) as opened,
            pytest.raises(NotSentError, match="the proxy refused with status 407"),
        ):
            opened.post("https://vendor.example/a", {}, BODY, pytest.fail)
