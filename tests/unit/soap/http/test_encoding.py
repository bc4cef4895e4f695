"""Compressed bodies, named or not."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.soap.http.encoding import UndecodableError, decoded

TEXT = b"<a>" + b"b" * 1000 + b"</a>"


def packed(body: bytes) -> bytes:
    """Always the same, since it holds no time."""
    return gzip.compress(body, mtime=0)


def raw(body: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(body) + deflating.flush()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (packed(TEXT), "gzip"),
        (packed(TEXT), "x-gzip"),
        (packed(TEXT), "GZip"),
        (packed(TEXT), ""),
        (TEXT, "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw(TEXT), "deflate"),
    ],
)
def test_a_body_is_read_whether_its_encoding_is_named_or_not(body: bytes, name: str) -> None:
    assert decoded(body, name, 10_000) == TEXT


@given(st.binary(max_size=200))
def test_only_what_was_encoded_comes_out(body: bytes) -> None:
    assert decoded(packed(body), "gzip", 1000) == body


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        (packed(TEXT)[:-4], "gzip", "ended early"),
        (packed(TEXT)[:12] + b"x" * 40, "gzip", "broken"),
        (TEXT, "br", "encoded as 'br'"),
        (TEXT, "deflate", "broken"),
        (packed(b"x" * 10_001), "gzip", "larger than 10000 bytes"),
    ],
)
def test_what_is_not_whole_or_too_large_is_refused(body: bytes, name: str, said: str) -> None:
    with pytest.raises(UndecodableError, match=said):
        decoded(body, name, 10_000)


def test_of_a_refusal_as_much_is_read_as_there_is() -> None:
    body = packed(b"Out of call volume quota. " + bytes(range(256)) * 20)
    assert decoded(body[:-30], "gzip", 10_000, is_whole=False).startswith(b"Out of call volume")
