"""The limiter of the accounts, from the settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from redis import Redis

from settings import AccountSettings, Settings
from worker.limiter import LimitRules, RedisLimiter


def open_limiter(settings: Settings, redis: Redis) -> RedisLimiter:
    """The limits of all accounts."""
    return RedisLimiter(
        redis, {name: limit_rules(account) for name, account in settings.accounts.items()}
    )


def limit_rules(account: AccountSettings) -> LimitRules:
    """The limiter's view of an account."""
    return LimitRules(
        calls_per_minute=account.calls_per_minute,
        calls_per_day=account.calls_per_day,
        bulk_headroom_per_minute=account.bulk_headroom_per_minute,
        bulk_reserve_per_day=account.bulk_reserve_per_day,
        bulk_spread=account.bulk_policy == "even",
        day_reset_hour=account.day_reset_hour,
        day_reset_zone=ZoneInfo(account.day_reset_timezone),
    )
