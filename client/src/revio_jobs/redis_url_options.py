"""The options of a Redis URL, each with what reads its text. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from revio_jobs.key_prefix import OPTION, check_key_prefix


def _boolean(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return known[text.lower()]


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _at_least_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _client_name(text: str) -> str:
    """Redis itself refuses any other at each connection."""
    if not re.fullmatch("[!-~]+", text):
        raise ValueError(text)
    return text


def _one_of(**choices: Any) -> Callable[[str], Any]:  # noqa: ANN401 - any option's value
    return lambda text: choices[text.lower()]


Reader = Callable[[str], Any]
"""Raises ValueError or KeyError for a text that is not allowed."""

CONNECTION_OPTIONS: Mapping[str, Reader] = {
    "client_name": _client_name,
    "health_check_interval": _count,
    "socket_timeout": _positive,
}
# Celery's results behind sentinels have no such option.
PROTOCOL_OPTION: Mapping[str, Reader] = {"protocol": lambda text: {"2": 2, "3": 3}[text]}
TCP_OPTIONS: Mapping[str, Reader] = {
    "socket_connect_timeout": _positive,
    "socket_keepalive": _boolean,
}
POOL_OPTIONS: Mapping[str, Reader] = {"max_connections": _at_least_one, "timeout": _positive}
TLS_OPTIONS: Mapping[str, Reader] = {
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_cert_reqs": _one_of(
        required="required",
        optional="optional",
        none="none",
        cert_required="required",
        cert_optional="optional",
        cert_none="none",
    ),
    "ssl_certfile": str,
    "ssl_check_hostname": _boolean,
    "ssl_keyfile": str,
    "ssl_password": str,
}
SENTINEL_OPTIONS: Mapping[str, Reader] = {"sentinel_username": str, "sentinel_password": str}
PLACE_OPTIONS: Mapping[str, Reader] = {
    "db": _count,
    "virtual_host": _count,
    OPTION: check_key_prefix,
}
"""Where in the server the keys are."""
