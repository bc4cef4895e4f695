"""Reads an account's status from Redis."""

from __future__ import annotations

import math
from typing import Any

from redis import Redis

from campaigns.store.operator_store import OperatorStore
from cli.account_limits import AccountLimits
from cli.status.account_status import AccountStatus, LaneStatus
from revio_jobs import Lane
from revio_jobs.ledger_keys import LedgerKeys
from settings import Settings
from worker.ledger import Auditor, overdue_updates
from worker.ledger.dead_letter_counter import DeadLetterCounter
from worker.limiter import LaneClosure, LaneClosures, LanePauses
from worker.limiter.limits_drift import clock_offsets, differences, live_workers
from worker.queues.lane_jobs import LaneJobCounter, LaneJobs
from worker.wiring.limits import limit_rules, open_limiter


def read_account(settings: Settings, redis: Redis, account: str) -> AccountStatus:
    """Raises Unavailable or RedisError."""
    limiter = open_limiter(settings, redis)
    closures = LaneClosures(LanePauses(redis), limiter)
    limits = AccountLimits.read(redis, limiter, account, limit_rules(settings.accounts[account]))
    store = OperatorStore(redis, account, keep_s=settings.campaign_retention_s)
    runs, jobs = store.listed(), LaneJobCounter(redis, account).count()
    return AccountStatus(
        account=account,
        limits=limits,
        lanes=[
            _lane(redis, limits, lane, jobs[lane], closures.closed(account, lane)) for lane in Lane
        ],
        workers=live_workers(redis, account),
        drift=differences(redis, account, settings.accounts[account]),
        clock_offsets_s=clock_offsets(redis, account),
        balance=Auditor(redis, account).balance(),
        overdue=overdue_updates(redis, [account]).get(account),
        dead_letters=DeadLetterCounter(redis, account).count(),
        all_runs=runs.views,
        unreadable_runs=list(runs.what_is_unreadable()),
    )


def _lane(
    redis: Redis,
    limits: AccountLimits,
    lane: Lane,
    jobs: LaneJobs,
    closure: LaneClosure | None,
) -> LaneStatus:
    now = float(redis.time()[0])
    runs_at = limits.runs_at(lane, jobs.queued, closure, now)
    return LaneStatus(
        lane,
        jobs,
        _oldest_wait_s(redis, limits.account, lane),
        closure,
        math.inf if runs_at is None else max(runs_at - now, 0.0),
    )


def _oldest_wait_s(redis: Redis, account: str, lane: Lane) -> float | None:
    oldest: Any = redis.zrange(LedgerKeys(account).waiting(lane), 0, 0, withscores=True)
    if not oldest:
        return None
    seconds, micros = redis.time()
    return max(float(seconds + micros / 1e6 - oldest[0][1] / 1000), 0.0)
