"""Whether a job that shows no result exists at all, so that nobody waits for it for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self

from revio_jobs.broker import HELD, KOMBU_HELD, queue_keys
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.errors import Forgotten, ResultExpired
from revio_jobs.reservation import LedgerKeys

SCRIPT = files("revio_jobs").joinpath("search.lua").read_text("utf-8")
"""Searches; see the file."""

FIRST_SEARCH_S = 30.0
"""Hardly any job that somebody waits for takes longer."""
_SLOWEST_SEARCH_S = 600.0
# A message that a worker is just taking is nowhere for an instant.
_SURE_AFTER_S = 2.0
# Redis looks through so many in some milliseconds, in which it does nothing else.
_MESSAGES = 5000

JobRef = tuple[str, str]
"""Account and job id."""


class Doubt:
    """When to search for a job, and what to make of what was found."""

    __slots__ = ("_is_missing", "_pause_s", "_search_at")

    def __init__(self, search_at: float) -> None:
        self._search_at = search_at
        self._pause_s = FIRST_SEARCH_S
        self._is_missing = False

    def is_due(self, now: float) -> bool:
        """Whether to search now; seconds of the clock of `search_at`."""
        return now >= self._search_at

    def heard(self, now: float, error: ResultExpired | Forgotten | None) -> bool:
        """Whether that is the job's end; None: it exists. Missed once it is only searched again."""
        is_sure = isinstance(error, ResultExpired) or self._is_missing
        self._is_missing = error is not None
        self._search_at = now + (_SURE_AFTER_S if self._is_missing else self._pause_s)
        self._pause_s = min(2 * self._pause_s, _SLOWEST_SEARCH_S)
        return error is not None and is_sure


@dataclass(frozen=True, slots=True)
class Search:
    """One call of the script, for jobs of one account."""

    doubts: Mapping[str, Doubt]
    keys: Sequence[str]
    args: Sequence[str | int]

    @classmethod
    def of(cls, account: str, doubts: Mapping[str, Doubt], key: Callable[[str], str]) -> Self:
        """`doubts` by job id; `key` is that of Celery's result."""
        ledger = LedgerKeys(account)
        queues = [key for lane in Lane for key in queue_keys(queue_name(account, lane))]
        keys = [*queues, HELD, KOMBU_HELD]
        for each in doubts:
            keys += [ledger.record(each), ledger.outcome(each), key(each)]
        return cls(doubts, keys, [_MESSAGES, len(queues), *doubts])

    def read(self, answers: Sequence[Any], now: float) -> Iterator[tuple[str, Exception]]:
        """The jobs that have come to their end, and how."""
        for (job_id, doubt), answer in zip(self.doubts.items(), answers, strict=True):
            error = _error(job_id, answer)
            if doubt.heard(now, error) and error:
                yield job_id, error


def searches(
    doubts: Mapping[JobRef, Doubt], now: float, key: Callable[[str], str]
) -> Iterator[Search]:
    """Those that are due."""
    due: dict[str, dict[str, Doubt]] = {}
    for (account, job_id), doubt in doubts.items():
        if doubt.is_due(now):
            due.setdefault(account, {})[job_id] = doubt
    return (Search.of(account, those, key) for account, those in due.items())


def _error(job_id: str, answer: bytes | list[bytes]) -> ResultExpired | Forgotten | None:
    if isinstance(answer, list):
        how, at_ms = answer
        return ResultExpired(job_id, how.decode(), int(at_ms) / 1000)
    return Forgotten(job_id) if answer == b"gone" else None
