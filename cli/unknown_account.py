"""What Redis holds of an account that the settings do not know."""

from __future__ import annotations

from collections.abc import Iterable

from redis import Redis

from cli.tables import counted
from revio_jobs import Lane
from revio_jobs.broker import queue_keys
from revio_jobs.contracts import queue_name
from worker.ledger import Auditor


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
