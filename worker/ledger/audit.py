"""Proves that no accepted job is missing: accepted = ended + waiting + running + delayed.

The balance is one atomic reading. What does not add up is then found job by job, each judged
atomically, so jobs that move during the audit raise no suspicion. Memory is bounded,
whatever the number of jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar

from redis import Redis

from revio_jobs.contracts import UPDATE_TASK, Lane, queue_name
from revio_jobs.ledger_keys import LedgerKeys
from worker.ledger.dead_letter_counter import DeadLetterCounter
from worker.redis_kit.scan import scan_keys
from worker.redis_kit.scripts import load_script

T = TypeVar("T")

_AT_ONCE = 200
_EXAMPLES = 20
# Much longer than the sweep takes to come round.
_LEASE_ENDED_LONG_AGO_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Balance:
    """How many accepted jobs of an account are in which state."""

    accepted: int
    ended: Mapping[str, int]
    """Counts by outcome, or by the class of the error."""
    waiting: int
    running: int
    delayed: int
    """Until their next attempt, or until their product is free."""
    dead_letters: int
    """Dead letters that are still kept."""

    @property
    def failed(self) -> int:
        """How many ended with an error; errors are named by their classes, outcomes by words."""
        return sum(count for how, count in self.ended.items() if how[:1].isupper())

    @property
    def succeeded(self) -> int:
        """How many ended with a result."""
        return sum(self.ended.values()) - self.failed

    @property
    def missing(self) -> int:
        """Accepted jobs that are nowhere; 0 when all is well."""
        known = self.succeeded + self.failed + self.waiting + self.running + self.delayed
        return self.accepted - known


@dataclass
class Discrepancy:
    """One kind of thing that does not add up."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    """Ids of the first jobs."""

    def note(self, job_id: str) -> None:
        """Count another job, and keep its id as an example if there are few."""
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(job_id)


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit of one account."""

    balance: Balance
    discrepancies: Mapping[str, Discrepancy]
    """By what is wrong; empty if nothing is."""
    not_accepted_yet: int
    """Raw messages in the queues, whose jobs the first worker to take them will accept."""

    @property
    def balances(self) -> bool:
        """Whether no job is missing and nothing is wrong."""
        return not self.balance.missing and not self.discrepancies


@dataclass(frozen=True, slots=True)
class _JobState:
    """A job at one moment."""

    lives: bool
    has_ended: bool
    places: int
    is_still_there: bool


class Auditor:
    """Audits one account. Every method raises RedisError."""

    def __init__(self, redis: Redis, account: str) -> None:
        self._redis = redis
        self._account = account
        self._keys = LedgerKeys(account)
        self._places = [*map(self._keys.waiting, Lane), self._keys.running, self._keys.delayed]
        self._script = load_script(redis, "worker.ledger", "inspect")
        self._balance = load_script(redis, "worker.ledger", "balance")
        self._dead_letters = DeadLetterCounter(redis, account)

    def audit(self) -> Audit:
        """The whole audit; it takes about a second per 10,000 jobs."""
        discrepancies: dict[str, Discrepancy] = {}
        for wrong, job_id in self._wrong():
            discrepancies.setdefault(wrong, Discrepancy()).note(job_id)
        raw = sum(self._not_accepted(lane) for lane in Lane)
        return Audit(self.balance(), discrepancies, raw)

    def balance(self) -> Balance:
        """One atomic reading; the dead letters are counted in another."""
        counts = self._balance(
            keys=[
                self._keys.sequence,
                self._keys.ended,
                self._keys.unused_sequences,
                *self._places,
            ]
        )
        accepted, ended, interactive, bulk, running, delayed = counts
        how_many = zip(map(_text, ended[::2]), map(int, ended[1::2]), strict=True)
        return Balance(
            accepted=int(accepted),
            ended=dict(sorted(how_many)),
            waiting=interactive + bulk,
            running=running,
            delayed=delayed,
            dead_letters=sum(self._dead_letters.count().values()),
        )

    def _wrong(self) -> Iterator[tuple[str, str]]:
        """Pairs of what is wrong and with which job."""
        yield from self._records()
        for place in self._places:
            for job_id, state in self._states("set", self._members(place)):
                if state.is_still_there and not (state.lives or state.has_ended):
                    yield f"in {place}, but never accepted", job_id
        for job_id, state in self._states("product", self._holders()):
            if state.is_still_there and not state.lives:
                yield "holds a product, but has ended", job_id
        for kind in ("parked", "line"):
            for job_id, state in self._states("set", self._of_products(f"{kind}:")):
                if state.is_still_there and not state.lives:
                    yield f"{kind} for a product, but has ended", job_id
        for job_id in self._lease_expired():
            yield "its worker's lease ended over a minute ago, and nobody swept", job_id

    def _records(self) -> Iterator[tuple[str, str]]:
        prefix = self._keys.record("")
        keyed = ((key, key.removeprefix(prefix)) for key in self._scan("job:"))
        for job_id, state in self._states("record", keyed):
            if state.lives and state.places == 0:
                yield "accepted, but neither waiting, running nor delayed", job_id
            if state.places > 1:
                yield "in several places at once", job_id
            if state.has_ended and state.places:
                yield "ended, and yet waiting, running or delayed", job_id

    def _lease_expired(self) -> list[str]:
        seconds, _ = self._redis.time()
        before = seconds * 1000 - _LEASE_ENDED_LONG_AGO_MS
        expired: list[Any] = self._redis.zrangebyscore(self._keys.running, 0, before, 0, _AT_ONCE)
        return list(map(_text, expired))

    def _holders(self) -> Iterator[tuple[str, str]]:
        for keys in _chunks(self._scan("product:")):
            with self._redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hget(key, "holder")
                holders = pipeline.execute()
            yield from (
                (key, _text(job_id)) for key, job_id in zip(keys, holders, strict=True) if job_id
            )

    def _of_products(self, kind: str) -> Iterator[tuple[str, str]]:
        """Members of the sorted sets that products have, up to a bound each."""
        for keys in _chunks(self._scan(kind)):
            with self._redis.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.zrange(key, 0, _AT_ONCE - 1)
                answers = pipeline.execute()
            for key, members in zip(keys, answers, strict=True):
                yield from ((key, _text(job_id)) for job_id in members)

    def _members(self, key: str) -> Iterator[tuple[str, str]]:
        members = self._redis.zscan_iter(key, count=_AT_ONCE)
        return ((key, _text(member)) for member, _ in members)

    def _scan(self, kind: str) -> Iterator[str]:
        pattern = f"revio:{self._account}:{kind}*"
        return scan_keys(self._redis, pattern, at_once=10 * _AT_ONCE)

    def _states(
        self, kind: Literal["record", "set", "product"], keyed: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[str, _JobState]]:
        """The state of each job; `keyed` are pairs of (key where it was found, job id)."""
        for chunk in _chunks(keyed):
            flat = self._script(
                keys=[self._keys.record(""), *self._places, *(key for key, _ in chunk)],
                args=[len(self._places), kind, *(job_id for _, job_id in chunk)],
            )
            answers = zip(*[iter(flat)] * 4, strict=True)
            for (_, job_id), (lives, ended, places, there) in zip(chunk, answers, strict=True):
                yield job_id, _JobState(bool(lives), bool(ended), places, bool(there))

    def _not_accepted(self, lane: Lane) -> int:
        job_ids = self._queued_updates(queue_name(self._account, lane))
        states = self._states("record", ((self._keys.record(job_id), job_id) for job_id in job_ids))
        return sum(not (state.lives or state.has_ended) for _, state in states)

    def _queued_updates(self, queue: str) -> Iterator[str]:
        """Ids of the update jobs in the queue; some may be told twice or not, while it moves."""
        start = 0
        while messages := self._redis.lrange(queue, start, start + _AT_ONCE - 1):
            start += _AT_ONCE
            yield from filter(None, map(_update_id, messages))


def audited_accounts(redis: Redis) -> list[str]:
    """Those that have ever accepted a job."""
    counters = scan_keys(redis, "revio:*:sequence", at_once=10 * _AT_ONCE)
    return sorted({key.split(":")[1] for key in counters})


def _update_id(message: bytes | str) -> str:
    try:
        headers = json.loads(message)["headers"]
        return str(headers["id"]) if headers["task"] == UPDATE_TASK else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # the worker will refuse it


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
