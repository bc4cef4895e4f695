"""Tells of what no single job shows, once for the whole fleet.

An update that is nowhere or that nobody sweeps, and campaigns that nobody feeds, raise no error
anywhere: no process has them. So one worker looks at every account's books, and tells what it finds
twice in a row. What was told is noted in Redis, so that it is told again only once it is another
trouble.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis

from campaigns.store.keys import AccountKeys
from revio_jobs.ledger_keys import LedgerKeys
from worker.ledger import Auditor, overdue_updates
from worker.limiter.charge import CallKeys
from worker.limiter.rules import BREAKER_FAULTS
from worker.queues.lane_jobs import LaneJobCounter
from worker.redis_kit.leader_lease import LeaderLease, leader_key
from worker.redis_kit.scripts import fail_closed

OVERSIGHT_INTERVAL_S = 30.0

_LEADER = "revio:oversight"
_ANNOUNCED_KEY = "revio:oversight:told"
FIXES = {
    "updates_missing": "revio audit names what does not add up; see RevioUpdatesMissing",
    "feeder_lost": "restart the account's workers: any of them carries its runs forward",
    "updates_overdue": "look for sweep_failed and job_unreadable; see RevioUpdatesOverdue",
    "vendor_fails": "ask Rev.io; revio limits shows the faults, and everything goes on by itself",
}
_WHAT = {
    "updates_missing": "missing",
    "feeder_lost": "runs",
    "updates_overdue": "job",
    "vendor_fails": "faults",
}
"""The field of each event that says what it is about."""
# What else is found while it lasts is no other trouble.
_ONCE = {"updates_overdue", "vendor_fails"}
_LOOKS = 2
# The vendor is often back within five minutes.
_LOOKS_AT_VENDOR = 10

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Trouble:
    event: str
    account: str
    says: str
    looks: int = _LOOKS
    """It is told when it was found so often in a row."""

    @property
    def key(self) -> str:
        return f"{self.event}:{self.account}"


class Oversight:
    """Watches all accounts; one of the workers that have these accounts does so at a time."""

    def __init__(
        self, redis: Redis, accounts: Iterable[str], breaker_faults: int = BREAKER_FAULTS
    ) -> None:
        """`breaker_faults`: consecutive faults of the vendor by which it fails; 0: never."""
        self._redis = redis
        self._breaker_faults = breaker_faults
        self._accounts = tuple(accounts)
        self._leader_key = leader_key(_LEADER, self._accounts)
        self._auditors = {account: Auditor(redis, account) for account in self._accounts}
        self._lease = LeaderLease(redis, round(OVERSIGHT_INTERVAL_S * 2500))
        self._me = uuid.uuid4().hex
        self._seen: dict[str, int] = {}
        """By trouble, how often it was found in a row."""

    def check(self) -> None:
        """Check all accounts once. Raises Unavailable."""
        with fail_closed("the books"):
            if not self._lease.take(self._leader_key, self._me):
                self._seen.clear()
                return
            troubles = {trouble.key: trouble for trouble in self._troubles()}
            announced = self._announced()
            for key in announced.keys() - troubles.keys():
                self._redis.hdel(_ANNOUNCED_KEY, key)
            self._seen = {key: self._seen.get(key, 0) + 1 for key in troubles}
            for key, trouble in troubles.items():
                told = announced.get(key)
                is_known = told == trouble.says or (told is not None and trouble.event in _ONCE)
                if self._seen[key] >= trouble.looks and not is_known:
                    self._announce(trouble)

    def _troubles(self) -> Iterator[_Trouble]:
        accepted: list[Any] = self._redis.mget(
            [LedgerKeys(account).sequence for account in self._accounts]
        )
        for account, count in zip(self._accounts, accepted, strict=True):
            if count and (missing := self._auditors[account].balance().missing):
                yield _Trouble("updates_missing", account, str(missing))
        for account, runs in self._unfed():
            yield _Trouble("feeder_lost", account, ", ".join(sorted(runs)))
        for account, update in overdue_updates(self._redis, self._accounts).items():
            if update.is_forgotten:
                yield _Trouble("updates_overdue", account, update.job_id)
        for account, faults in self._failing():
            yield _Trouble("vendor_fails", account, str(faults), _LOOKS_AT_VENDOR)

    def _failing(self) -> Iterator[tuple[str, int]]:
        """The accounts whose calls the vendor fails one by one, with the faults in a row.

        Without a job nobody tries whether the vendor is back.
        """
        with self._redis.pipeline(transaction=False) as pipeline:
            for account in self._accounts:
                pipeline.hget(CallKeys(account).state, "faults")
            stored = pipeline.execute()
        for account, faults in zip(self._accounts, stored, strict=True):
            if 0 < self._breaker_faults <= int(faults or 0) and self._has_jobs(account):
                yield account, int(faults)

    def _has_jobs(self, account: str) -> bool:
        jobs = LaneJobCounter(self._redis, account).count()
        return any(lane.unfinished for lane in jobs.values())

    def _unfed(self) -> Iterator[tuple[str, list[str]]]:
        """The accounts whose runs no worker carries forward, with those runs."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for account in self._accounts:
                keys = AccountKeys(account)
                pipeline.smembers(keys.active)
                pipeline.exists(keys.feeder)
            answers = pipeline.execute()
        for account, runs, is_fed in zip(self._accounts, answers[::2], answers[1::2], strict=True):
            if runs and not is_fed:
                yield account, [run.decode() for run in runs]

    def _announced(self) -> dict[str, str]:
        """What was told of these accounts; others are other workers' to watch."""
        stored: dict[Any, Any] = self._redis.hgetall(_ANNOUNCED_KEY)
        announced = {key.decode(): says.decode() for key, says in stored.items()}
        ours = {*self._accounts}
        return {key: says for key, says in announced.items() if key.partition(":")[2] in ours}

    def _announce(self, trouble: _Trouble) -> None:
        self._redis.hset(_ANNOUNCED_KEY, trouble.key, trouble.says)
        _log.error(
            trouble.event,
            account=trouble.account,
            fix=FIXES[trouble.event],
            **{_WHAT[trouble.event]: trouble.says},
        )
