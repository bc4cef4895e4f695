from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.contract.http import Request, Response
from sandbox.server.connection import BadRequestError, take_request


@given(bodies=st.lists(st.binary(max_size=40), min_size=1, max_size=4), data=st.data())
def test_requests_are_taken_whole_however_their_bytes_arrive(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(
        b"POST /v20/a.asmx?x=1 HTTP/1.1\r\nContent-Length: %d\r\nX-A: b : c \r\n\r\n%b"
        % (len(body), body)
        for body in bodies
    )
    received, taken = bytearray(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        received += stream[:size]
        stream = stream[size:]
        while request := take_request(received):
            taken.append(request)
    assert [request.body for request in taken] == bodies
    assert {(one.method, one.path, one.query, one.headers["x-a"]) for one in taken} == {
        ("POST", "/v20/a.asmx", "x=1", "b : c")
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused_or_not_enough(received: bytes) -> None:
    try:
        found = take_request(bytearray(received + b"\r\n\r\n"))
    except BadRequestError:
        return
    assert found is None or isinstance(found, Request)


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_what_cannot_be_read_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequestError):
        take_request(bytearray(head))


@pytest.mark.parametrize(
    ("start", "keeps"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: Close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
    ],
)
def test_a_connection_is_kept_unless_the_client_says_otherwise(start: bytes, keeps: bool) -> None:  # noqa: FBT001
    request = take_request(bytearray(start + b"\r\n"))
    assert request
    assert request.keep_alive is keeps


def test_an_answers_head_tells_length_and_headers() -> None:
    head = Response(429, b"{}", "text/plain", (("Retry-After", "3"),)).head(keep_alive=False)
    assert head == (
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
        b"Retry-After: 3\r\nConnection: close\r\n\r\n"
    )
