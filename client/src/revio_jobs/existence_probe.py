"""Whether a job without a result exists at all, so that nobody waits for it forever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self

from revio_jobs.broker import HELD, KOMBU_HELD, queue_keys
from revio_jobs.contracts import Lane, queue_name
from revio_jobs.errors import Forgotten, ResultExpired
from revio_jobs.ledger_keys import LedgerKeys

SCRIPT = files("revio_jobs").joinpath("probe.lua").read_text("utf-8")
"""See the file."""

FIRST_PROBE_S = 30.0
"""Hardly any job that somebody waits for takes longer."""
_MAX_INTERVAL_S = 600.0
# A message that a worker is just taking is nowhere for an instant.
_CONFIRM_AFTER_S = 2.0
# Redis scans so many in some milliseconds, in which it does nothing else.
_MAX_MESSAGES = 5000

JobRef = tuple[str, str]
"""Account and job id."""


class ExistenceProbe:
    """When to probe for one job, and what its answers prove."""

    __slots__ = ("_due_at", "_interval_s", "_missing_since")

    def __init__(self, due_at: float) -> None:
        self._due_at = due_at
        self._interval_s = FIRST_PROBE_S
        self._missing_since: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether to probe now; seconds of the clock of `due_at`."""
        return now >= self._due_at

    def is_over(self, now: float, error: ResultExpired | Forgotten | None) -> bool:
        """Whether the answer `error` is the job's end; None if the job exists.

        A job that is missing for the first time is probed again before it counts as lost. Callers
        that share a handle may probe at once: that is one probe.
        """
        since = self._missing_since
        is_confirmed = since is not None and now - since >= _CONFIRM_AFTER_S
        self._missing_since = None if error is None else now if since is None else since
        self._due_at = now + (self._interval_s if error is None else _CONFIRM_AFTER_S)
        self._interval_s = min(2 * self._interval_s, _MAX_INTERVAL_S)
        return isinstance(error, ResultExpired) or (error is not None and is_confirmed)


@dataclass(frozen=True, slots=True)
class ProbeCall:
    """One call of the script, for jobs of one account."""

    probes: Mapping[str, ExistenceProbe]
    keys: Sequence[str]
    args: Sequence[str | int]

    @classmethod
    def of(
        cls, account: str, probes: Mapping[str, ExistenceProbe], result_key: Callable[[str], str]
    ) -> Self:
        """`probes` by job id; `result_key` gives the key of Celery's result."""
        ledger = LedgerKeys(account)
        queues = [key for lane in Lane for key in queue_keys(queue_name(account, lane))]
        keys = [*queues, HELD, KOMBU_HELD]
        for job_id in probes:
            keys += [ledger.record(job_id), ledger.outcome(job_id), result_key(job_id)]
        return cls(probes, keys, [_MAX_MESSAGES, len(queues), *probes])

    def read(self, answers: Sequence[Any], now: float) -> Iterator[tuple[str, Exception]]:
        """The jobs that are over, and how."""
        for (job_id, probe), answer in zip(self.probes.items(), answers, strict=True):
            error = _error(job_id, answer)
            if probe.is_over(now, error) and error:
                yield job_id, error


def due_probes(
    probes: Mapping[JobRef, ExistenceProbe], now: float, result_key: Callable[[str], str]
) -> Iterator[ProbeCall]:
    """The calls for those that are due."""
    due: dict[str, dict[str, ExistenceProbe]] = {}
    for (account, job_id), probe in probes.items():
        if probe.is_due(now):
            due.setdefault(account, {})[job_id] = probe
    return (ProbeCall.of(account, those, result_key) for account, those in due.items())


def _error(job_id: str, answer: bytes | list[bytes]) -> ResultExpired | Forgotten | None:
    if isinstance(answer, list):
        how, at_ms = answer
        return ResultExpired(job_id, how.decode(), int(at_ms) / 1000)
    return Forgotten(job_id) if answer == b"gone" else None
