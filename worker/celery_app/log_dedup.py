"""Keeps a log readable while Redis is away: the same trouble is logged once a minute."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from math import inf
from typing import Literal, get_args

Round = Literal[
    "limits", "revocations", "gates", "refused", "hold", "sweep", "oversight", "campaigns"
]
"""What a worker does again and again; each logs `…_failed` when it does not succeed."""

_AGAIN_AFTER_S = 60.0
_CONNECTED = "Connected to "
_PASSED = "revio_has_passed"
_TROUBLES = re.compile(
    r"consumer: (Cannot connect|Connection to broker lost)|Frequent restarts|redis_is_full"
    rf"|(result|retry)_refused|loop_failed|lost_connection_not_closed|({'|'.join(get_args(Round))})_failed"
)
# Seconds, attempts and places in scripts do not make it another trouble.
_NUMBERS = re.compile(r"\d+")


class LogDedup(logging.Filter):
    """Drops what was logged within the last minute, for troubles with Redis alone.

    It may be on a logger, so that error trackers do not get it either, and on the handler as well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """A reconnection is logged if trouble was logged since the last one."""
        if record.__dict__.get(_PASSED):
            return True
        is_passed = record.__dict__[_PASSED] = self._passes(
            _message_of(record), _account_of(record)
        )
        return is_passed

    def _passes(self, text: str, account: str) -> bool:
        if text.startswith(_CONNECTED):
            return self._is_new(_CONNECTED, inf)
        if not _TROUBLES.match(text):
            return True
        if is_new := self._is_new(account + _NUMBERS.sub("", text), _AGAIN_AFTER_S):
            self._logged_at.pop(_CONNECTED, None)
        return is_new

    def _is_new(self, text: str, again_after_s: float) -> bool:
        now = self._clock()
        if now - self._logged_at.get(text, -inf) < again_after_s:
            return False
        self._logged_at[text] = now
        return True


def _message_of(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # an event of ours, which the formatter has yet to render
        return f"{record.msg.get('event')} {record.msg.get('reason', '')}"
    return record.getMessage()


def _account_of(record: logging.LogRecord) -> str:
    """Of a defect; a Redis that is away is one trouble, whichever account meets it."""
    if isinstance(record.msg, dict) and record.msg.get("exc_info"):
        return str(record.msg.get("account", ""))
    return ""
