"""The body of a message as a queue holds it, in the forms that a worker takes."""

from __future__ import annotations

import base64
import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any

_DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    **dict.fromkeys(("application/x-gzip", "gzip", "zlib"), zlib.decompress),
    **dict.fromkeys(("application/x-bz2", "bzip2", "bzip"), bz2.decompress),
    **dict.fromkeys(("application/x-lzma", "lzma", "xz"), lzma.decompress),
}
"""By kombu's names for a message's header: its own producers write the first, others any."""

COMPRESSIONS = frozenset(_DECOMPRESS)
"""Those of which readers of the queues know the content."""


def decode_body(message: Mapping[str, Any]) -> Any:  # noqa: ANN401 - foreign JSON
    """Celery's [args, kwargs, callbacks and the like]. Raises ValueError if it cannot be read."""
    body = message.get("body")
    if not isinstance(body, str):
        raise ValueError("it has no body")  # noqa: TRY004 - a foreign message, not a defect
    # kombu's base64 may be left out by other clients, and has no brackets.
    encoded = body.encode() if body.lstrip().startswith("[") else base64.b64decode(body)
    headers = message.get("headers")
    compression = headers.get("compression") if isinstance(headers, dict) else None
    try:
        return json.loads(_decompressed(encoded, compression) if compression else encoded)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def _decompressed(encoded: bytes, compression: object) -> bytes:
    if not isinstance(compression, str) or compression not in COMPRESSIONS:
        raise ValueError(f"compression: {compression!r} is not known")
    try:
        return _DECOMPRESS[compression](encoded)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as exc:
        raise ValueError(f"compression: {exc}") from exc
