"""For how long an answer asks us not to call again: its Retry-After header, in either form."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

import structlog

from worker.soap.http.wire import HttpResponse

_log = structlog.get_logger(__name__)

_LEAST_S = 1.0
_MOST_S = 26 * 3600.0  # a day's quota is back after a day


def retry_after(response: HttpResponse, now: float) -> float | None:
    """Seconds, between one second and 26 hours; None if the header is missing or makes no sense.

    A date is measured from the response's own Date header, so that it does not matter whether this
    host's clock agrees with the vendor's; only without one from `now` (Unix time, seconds).
    """
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    seconds = _seconds(value, response, now)
    if seconds is None:
        _log.warning("retry_after_ignored", value=value[:80])
        return None
    if not _LEAST_S <= seconds <= _MOST_S:
        bounded = bound(seconds)
        _log.warning("retry_after_bounded", value=value[:80], seconds=bounded)
        return bounded
    return seconds


def bound(seconds: float) -> float:
    """The nearest wait that is worth having, in seconds."""
    return min(max(seconds, _LEAST_S), _MOST_S)


def _seconds(value: str, response: HttpResponse, now: float) -> float | None:
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        return float(digits[:9]) * (-1 if value.startswith("-") else 1)
    ends = _unix_time(value)
    if ends is None:
        return None
    sent_at = _unix_time(response.headers.get("date", ""))
    return ends - (now if sent_at is None else sent_at + _age(response))


def _age(response: HttpResponse) -> float:
    """Seconds that the response lay in a cache; its Date is that of its origin."""
    value = response.headers.get("age", "")
    return float(value[:9]) if value.isascii() and value.isdigit() else 0.0


def _unix_time(http_date: str) -> float | None:
    try:
        at = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in GMT: HTTP knows no other.
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
