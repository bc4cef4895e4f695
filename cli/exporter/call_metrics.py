"""An account's calls: used, left, and what keeps them back."""

from __future__ import annotations

from collections.abc import Iterator

from cli.account_limits import AccountLimits
from cli.exporter.family import Family, Sample
from revio_jobs import Lane

MINUTE_USED = Family(
    "revio_minute_calls_used", "Calls of the last 60 seconds.", ("account", "lane")
)
MINUTE_LIMIT = Family(
    "revio_minute_calls_limit", "Calls that any 60 seconds may have.", ("account",)
)
MINUTE_CEILING = Family(
    "revio_minute_calls_ceiling",
    "What may be used of the minute's limit now: less after a pause, and while others use the key.",
    ("account",),
)
MINUTE_LEFT = Family(
    "revio_minute_calls_left", "Calls that the lane may make now.", ("account", "lane")
)
DAY_USED = Family(
    "revio_day_calls_used",
    "Calls since the day began, by what they were for.",
    ("account", "purpose"),
)
DAY_LIMIT = Family("revio_day_calls_limit", "Calls that a day may have.", ("account",))
DAY_LEFT = Family(
    "revio_day_calls_left", "Calls that the lane may still make today.", ("account", "lane")
)
DAY_RESET = Family(
    "revio_day_reset_timestamp_seconds", "When the day's count of calls is reset.", ("account",)
)
PAUSED = Family(
    "revio_calls_paused_seconds",
    "Seconds for which no call goes out, because the vendor asked for a pause.",
    ("account",),
)
PAUSE_INFO = Family(
    "revio_calls_pause_info",
    "1 while calls are paused; the label says why.",
    ("account", "reason"),
)
CLOSED = Family(
    "revio_account_closed",
    "1 while the vendor refuses the account's login, key or address.",
    ("account",),
)
CLOSED_INFO = Family(
    "revio_account_closed_info",
    "1 while the vendor refuses the account; the label is its refusal.",
    ("account", "reason"),
)
FAULTS = Family(
    "revio_vendor_faults_in_a_row", "Consecutive calls that the vendor failed.", ("account",)
)
BREAKER_OPEN = Family(
    "revio_breaker_open",
    "1 while the vendor fails call by call, and one call at a time is tried.",
    ("account",),
)

FAMILIES = (
    MINUTE_USED,
    MINUTE_LIMIT,
    MINUTE_CEILING,
    MINUTE_LEFT,
    DAY_USED,
    DAY_LIMIT,
    DAY_LEFT,
    DAY_RESET,
    PAUSED,
    PAUSE_INFO,
    CLOSED,
    CLOSED_INFO,
    FAULTS,
    BREAKER_OPEN,
)

_REASON_CHARACTERS = 100


def call_samples(limits: AccountLimits) -> Iterator[Sample]:
    """Samples of one account."""
    account, usage, left = limits.account, limits.usage, limits.left
    yield MINUTE_LIMIT.sample(usage.minute_limit, account)
    yield MINUTE_CEILING.sample(usage.minute_ceiling, account)
    yield DAY_LIMIT.sample(usage.day_limit, account)
    yield DAY_RESET.sample(usage.day_resets_at, account)
    for lane in Lane:
        yield MINUTE_USED.sample(usage.lanes_minute[lane.value], account, lane.value)
        yield MINUTE_LEFT.sample(left[f"minute_left_{lane.value}"], account, lane.value)
        yield DAY_LEFT.sample(left[f"day_left_{lane.value}"], account, lane.value)
    for purpose, count in usage.purposes_today.items():
        yield DAY_USED.sample(count, account, purpose)
    yield PAUSED.sample(usage.paused_for_s, account)
    if usage.paused_for_s:
        yield PAUSE_INFO.sample(1, account, usage.pause_reason[:_REASON_CHARACTERS])
    yield CLOSED.sample(usage.closed_at is not None, account)
    if usage.closed_at is not None:
        yield CLOSED_INFO.sample(1, account, usage.closed_reason[:_REASON_CHARACTERS])
    yield FAULTS.sample(usage.faults_in_a_row, account)
    yield BREAKER_OPEN.sample(0 < limits.rules.breaker_faults <= usage.faults_in_a_row, account)
