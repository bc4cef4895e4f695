"""Content encodings: bodies that were compressed, asked for or not."""

from __future__ import annotations

import zlib

_GZIP = b"\x1f\x8b\x08"
_AUTOMATIC = zlib.MAX_WBITS | 32  # gzip or zlib, by its first bytes
_RAW_DEFLATE = -zlib.MAX_WBITS  # what "deflate" is to some servers


class UndecodableError(Exception):
    """The body is not what its Content-Encoding says, not whole, or too large."""


def decoded(body: bytes, encodings: str, max_bytes: int, *, is_whole: bool = True) -> bytes:
    """The body as it was before it was encoded; `is_whole` False: as much of it as there is.

    Servers compress without saying so, and proxies undo it and keep saying it; no XML document
    begins like gzip, so its first bytes decide. Raises UndecodableError.
    """
    for encoding in reversed([name.strip().lower() for name in encodings.split(",")]):
        if encoding == "deflate":
            body = _inflated(body, max_bytes, is_whole=is_whole)
        elif encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise UndecodableError(f"the answer is encoded as {encoding[:20]!r}")
    return _inflated(body, max_bytes, is_whole=is_whole) if body.startswith(_GZIP) else body


def _inflated(body: bytes, max_bytes: int, *, is_whole: bool) -> bytes:
    for form in (_AUTOMATIC, _RAW_DEFLATE):
        inflating = zlib.decompressobj(form)
        try:
            inflated = inflating.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(inflated) > max_bytes:
            raise UndecodableError(f"the answer is larger than {max_bytes} bytes")
        if is_whole and not inflating.eof:
            raise UndecodableError("the compressed answer ended early")
        return inflated
    raise UndecodableError("the compressed answer is broken")
