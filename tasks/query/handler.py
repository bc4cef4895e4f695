"""The query job: read customer products, in as many vendor calls as its filter needs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from revio_jobs.contracts import Lane, QueryJob
from revio_jobs.errors import (
    QuotaExhausted,
    Retryable,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
    Unreadable,
)
from tasks.decision import Decision, Retry, RetryPolicy, failed, requeue, succeeded, unknown_account
from tasks.ports import Call, Filters, Gateway, Purpose
from tasks.query.answer_cache import Answers, Reading
from tasks.query.batcher import Batcher, OnShare, nobody_looks
from tasks.query.parts import PartAsker, ask_all, split
from tasks.query.result_pages import Harvest, PageStore

QUERY_RETRIES = RetryPolicy(first_s=0.5, cap_s=5.0, max_attempts=6, deadline_s=600.0)

_PARTS_AT_ONCE = 8
_ATTEMPTS_IN_COMPANY = 2
# As rarely as a watching person accepts: each report costs as much as a call.
_PROGRESS_EVERY_S = 0.25
_STORE_ATTEMPTS = 40
_STORE_PAUSE_S = 0.5

Progress = Callable[[int, int], None]
"""Called with the number of parts read so far, and of all parts."""


def _no_progress(done: int, total: int) -> None:
    """The default: progress is not reported."""


@dataclass(frozen=True, slots=True)
class QueryTarget:
    """Where an account's queries go."""

    gateway: Gateway
    ids_per_call: int = 200
    calls_per_minute: int = 500


class QueryHandler:
    """Runs query jobs. A query changes nothing, so a failed one is simply tried again."""

    def __init__(
        self,
        targets: Mapping[str, QueryTarget],
        pages: PageStore,
        answers: Answers,
        *,
        inline_bytes: int = 128 * 1024,
        on_share: OnShare = nobody_looks,
        retries: RetryPolicy = QUERY_RETRIES,
        threads: Executor | None = None,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`inline_bytes`: larger results (as JSON) are stored as pages. `threads` read parts."""
        self._targets = targets
        self._batchers = {
            name: Batcher(
                target.gateway, target.ids_per_call, target.calls_per_minute, on_share=on_share
            )
            for name, target in targets.items()
        }
        self._pages = pages
        self._answers = answers
        self._inline_bytes = inline_bytes
        self._retries = retries
        self._threads = threads or ThreadPoolExecutor(2 * _PARTS_AT_ONCE, "query-part")
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._clock = clock
        self._sleep = sleep

    def run(
        self,
        job: QueryJob,
        job_id: str,
        lane: Lane,
        attempt: int,
        progress: Progress = _no_progress,
    ) -> Decision:
        """Make one attempt at the job; `attempt` is 1 for the first."""
        target = self._targets.get(job.account)
        if target is None:
            return failed(unknown_account(job.account, self._targets))
        call = Call(job.account, lane, Purpose.QUERY, job_id, job.source or "")
        query = partial(
            self._batchers[job.account].query, call=call, alone=attempt > _ATTEMPTS_IN_COMPANY
        )
        try:
            parts = split(job, target.ids_per_call)
            reading = self._answers.reading(job.account, job.max_age, query)
            harvest = self._reap(parts, reading, progress)
            if reading.unreadable and not harvest.products:
                return failed(Unreadable([fault.as_json() for fault in reading.unreadable]))
            return succeeded(self._result(job, job_id, harvest, reading))
        except (Throttled, QuotaExhausted) as exc:
            return requeue(exc, self._clock())
        except Unauthorised as exc:
            # Somebody waits for an interactive answer; bulk waits until the account is open again.
            return failed(exc) if lane is Lane.INTERACTIVE else requeue(exc, self._clock())
        except Retryable as exc:
            delay = self._delay(attempt)
            return failed(exc) if delay is None else Retry(delay, str(exc))
        except RevioError as exc:
            return failed(exc)

    def _reap(self, parts: Sequence[Filters], reading: Reading, progress: Progress) -> Harvest:
        harvest = Harvest(self._inline_bytes)
        if len(parts) == 1:
            harvest.add(0, reading.query(parts[0]))
            return harvest
        asker = PartAsker(reading.query, self._delay, self._sleep)
        reported_at = self._clock()
        for done in ask_all(parts, asker, harvest.add, self._threads, _PARTS_AT_ONCE):
            if (now := self._clock()) - reported_at >= _PROGRESS_EVERY_S:
                progress(done, len(parts))
                reported_at = now
        return harvest

    def _result(
        self, job: QueryJob, job_id: str, harvest: Harvest, reading: Reading
    ) -> dict[str, Any]:
        came = harvest.products | {fault.customer_product_id for fault in reading.unreadable}
        result: dict[str, Any] = {
            "customer_products": [] if harvest.is_large else harvest.records(),
            "missing_ids": [product for product in dict.fromkeys(job.ids) if product not in came],
            "calls": reading.calls,
            "fetched_at": datetime.fromtimestamp(reading.read_at, UTC).isoformat(),
        }
        if reading.unreadable:
            result["unreadable"] = [fault.as_json() for fault in dict.fromkeys(reading.unreadable)]
        if harvest.is_large:
            stored = self._store(job.account, job_id, harvest.pages())
            result["pages"] = stored | {"records": len(harvest.products)}
        return result

    def _store(self, account: str, job_id: str, pages: Sequence[bytes]) -> dict[str, Any]:
        """Store the pages; wait out a restart of Redis, since they have cost many calls."""
        for _ in range(_STORE_ATTEMPTS - 1):
            try:
                return self._pages.store(account, job_id, pages)
            except Unavailable:
                self._sleep(_STORE_PAUSE_S)
        return self._pages.store(account, job_id, pages)

    def _delay(self, attempt: int) -> float | None:
        return self._retries.delay(attempt, 0.0, self._chance)
