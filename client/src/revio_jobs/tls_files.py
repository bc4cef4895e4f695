"""Whether the files that a Redis URL names for TLS can be used, before the first connection.

redis-py opens them at each connection, and reports a missing one as "Error 2 connecting to host".
It asks for a key's password on the terminal.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from revio_jobs.redis_address import RedisUrlError


def check_tls_files(options: Mapping[str, Any]) -> None:
    """`options`: a RedisAddress's `tls`. Raises RedisUrlError if a file cannot be read or used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if (directory := options.get("ssl_ca_path")) and not Path(directory).is_dir():
        raise RedisUrlError(f"ssl_ca_path: there is no directory {directory!r}")
    if authorities := options.get("ssl_ca_certs"):
        try:
            context.load_verify_locations(authorities)
        except OSError as exc:
            raise RedisUrlError(f"ssl_ca_certs: {authorities!r} cannot be used: {exc}") from None
    if certificate := options.get("ssl_certfile"):
        key = options.get("ssl_keyfile")
        try:
            context.load_cert_chain(certificate, key, options.get("ssl_password", ""))
        except OSError as exc:
            named = " with ".join(repr(name) for name in (certificate, key) if name)
            problem = f"ssl_certfile, ssl_keyfile or ssl_password: {named} cannot be used: {exc}"
            raise RedisUrlError(problem) from None
