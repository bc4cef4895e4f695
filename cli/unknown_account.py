"""Accounts that the settings do not know, and what Redis holds of them."""

from __future__ import annotations

from collections.abc import Iterable

import typer
from redis import Redis

from cli.tables import counted
from revio_jobs import Lane
from revio_jobs.broker import queue_keys
from revio_jobs.contracts import queue_name
from revio_jobs.ledger_keys import LedgerKeys
from settings import SettingsError, load
from worker.ledger import Auditor, audited_accounts
from worker.limiter import LanePauses
from worker.limiter.limits_drift import live_workers


def check_account(redis: Redis, account: str) -> None:
    """For commands that need Redis alone: refuse a name of which nobody has heard.

    To pause the lanes of such an account, or to hear that it has no dead letter, would be taken
    for that of another. On a Redis that nobody has used yet any name may be right. Raises
    BadParameter and RedisError.
    """
    known = _in_settings()
    if account in known or _is_in_redis(redis, account):
        return
    if names := sorted({*known, *audited_accounts(redis)}):
        raise typer.BadParameter(
            f"{account!r} is not one of {', '.join(names)}: neither these settings nor Redis "
            "know it",
            param_hint="--account",
        )


def _in_settings() -> set[str]:
    """None where the settings name Redis alone."""
    try:
        return set(load().accounts)
    except SettingsError:
        return set()


def _is_in_redis(redis: Redis, account: str) -> bool:
    queues = [key for lane in Lane for key in queue_keys(queue_name(account, lane))]
    is_used = redis.exists(LedgerKeys(account).sequence, *queues)
    pauses = LanePauses(redis).among([(account, lane) for lane in Lane])
    return bool(is_used or pauses or live_workers(redis, account))


def unknown_account(redis: Redis, account: str, known: Iterable[str]) -> str:
    """What to say of an account that the settings do not know. Raises RedisError."""
    answer = f"{account!r} is not one of {', '.join(known)}"
    count = waiting_jobs(redis, account)
    return (
        f"{answer}; {jobs_of_it(count)}, and no worker of these settings serves it"
        if count
        else answer
    )


def waiting_jobs(redis: Redis, account: str) -> int:
    """How many jobs of the account wait, run or rest. Raises RedisError."""
    # Queries and raw messages are in queues alone, and jobs that rest in the ledger alone.
    queues = [key for lane in Lane for key in queue_keys(queue_name(account, lane))]
    queued = sum(int(redis.llen(key)) for key in queues)
    balance = Auditor(redis, account).balance()
    return max(queued, balance.waiting + balance.running + balance.delayed)


def jobs_of_it(count: int) -> str:
    return f"{counted(count, 'job')} of it {'waits' if count == 1 else 'wait'}"
