"""What a producer holds after it has submitted a job, and how it waits for results."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.contracts import CustomerProduct, Job
from revio_jobs.errors import ResultExpired, Unavailable
from revio_jobs.pages import Pages
from revio_jobs.results import Ended, ResultStore
from revio_jobs.search import FIRST_SEARCH_S, Doubt
from revio_jobs.waiting import Waiting

R = TypeVar("R", bound=BaseModel)

REDIS_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Generic[R]):
    """What is known of a job that was just submitted or found."""

    account: str
    job_id: str
    submission: str
    kind: type[R]
    job: Job | None = None
    ended: Ended | None = None


class Handle(Generic[R]):
    """One submitted job; it remembers the result once known."""

    def __init__(self, known: Submitted[R], now: float) -> None:
        self.account = known.account
        self.job_id = known.job_id
        self.job = known.job
        """What was submitted; None for a handle of a job submitted before."""
        self.submission = known.submission
        """new, attached (the same job was on its way), settled (it had ended), expired (it had
        ended, and its result has gone), conflict (another payload had the key) or unknown (nobody
        has looked)."""
        self._doubt = Doubt(now if known.submission == "unknown" else now + FIRST_SEARCH_S)
        self._kind = known.kind
        self._ended = known.ended

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id} {self.submission}>"

    def _value(self) -> dict[str, Any]:
        """The result as it is stored, of a job that has ended; raises the error it ended with."""
        ended: Any = self._ended
        if isinstance(ended.value, BaseException):
            raise ended.value
        value: dict[str, Any] = ended.value
        return value

    def _expired(self, value: dict[str, Any]) -> ResultExpired:
        read_at = datetime.fromisoformat(value["fetched_at"]).timestamp()
        return ResultExpired(self.job_id, "SUCCESS", read_at)

    def _inline(self, value: dict[str, Any]) -> tuple[CustomerProduct, ...]:
        records: Any = self._kind.model_validate(value)
        found: tuple[CustomerProduct, ...] = records.customer_products
        return found


class JobHandle(Handle[R]):
    """One submitted job. It may be shared between threads."""

    def __init__(self, known: Submitted[R], store: ResultStore) -> None:
        super().__init__(known, store.clock())
        self._store = store

    @property
    def state(self) -> str:
        """Celery's name: PENDING, STARTED, PROGRESS, RETRY, SUCCESS or FAILURE.

        What was noted last, which need not be what happens now. STARTED: a worker has begun the
        update at least once; it may wait again, in its queue, for another update of its product or
        for its next attempt. PENDING: nothing is noted, as of a query until it progresses or ends.
        """
        _look([self])
        return self._ended.state if self._ended else self._store.state(self.job_id)

    @property
    def progress(self) -> tuple[int, int] | None:
        """Vendor calls answered and calls in all, while a query of many calls is under way."""
        return self._store.progress(self.job_id)

    def done(self) -> bool:
        """Whether `result` would answer at once."""
        return bool(self._ended or _look([self]))

    def result(self, timeout: float | None = None) -> R:
        """The job's result. `timeout` in seconds; None waits for as long as the job exists.

        Raises the RevioError that the job ended with, TimeoutError (the job goes on then),
        ResultExpired when its result has gone, or Forgotten when nothing is known of it.
        """
        value = self._wait(timeout)
        if Pages.of(value):
            value = value | {"customer_products": tuple(self._paged(value))}
        return self._kind.model_validate(value)

    def records(self, timeout: float | None = None) -> Iterator[CustomerProduct]:
        """A query's products one by one; of a large result a few pages are in memory at a time.

        Raises as `result`; ResultExpired when the result expires in the midst of it.
        """
        value = self._wait(timeout)
        yield from self._paged(value) if Pages.of(value) else self._inline(value)

    def _wait(self, timeout: float | None) -> dict[str, Any]:
        for _ in as_completed([self], timeout):
            pass
        return self._value()

    def _paged(self, value: dict[str, Any]) -> Iterator[CustomerProduct]:
        pages: Any = Pages.of(value)
        try:
            for page in self._store.pages(pages):
                yield from page
        except LookupError as exc:
            raise self._expired(value) from exc


def as_completed(
    handles: Iterable[JobHandle[Any]], timeout: float | None = None
) -> Iterator[JobHandle[Any]]:
    """The handles in the order in which their jobs end; `result` answers at once for each.

    Raises TimeoutError when some have not ended after `timeout` seconds, and Unavailable when Redis
    could not be reached for a minute.
    """
    waiting = Waiting(handles)
    give_up = math.inf if timeout is None else time.monotonic() + timeout
    # The first look and the last are at all of them.
    chosen, reached = list(waiting), time.monotonic()
    while waiting:
        looked_at = time.monotonic()
        try:
            ended, reached = _look(chosen), looked_at
        except (RedisConnectionError, RedisTimeoutError) as exc:
            # Redis may be restarting; the jobs and their results outlive that.
            if looked_at - reached > REDIS_PATIENCE_S:
                raise Unavailable(f"Redis cannot be reached: {exc}") from exc
            ended = []
        at_all = len(chosen) == len(waiting)
        waiting.ended(ended)
        pause = waiting.pause_s(time.monotonic() - looked_at)
        yield from ended
        left = give_up - time.monotonic()
        if waiting and at_all and left <= 0:
            raise not_ended(len(waiting), timeout)
        chosen = waiting.next_look() if pause < left else list(waiting)
        if waiting:
            time.sleep(max(min(pause, left), 0.0))


def not_ended(count: int, timeout_s: float | None) -> TimeoutError:
    """For who wanted to wait no longer."""
    who = "the job has" if count == 1 else f"{count} of the jobs have"
    return TimeoutError(f"{who} not ended in {timeout_s} s")


def _look(handles: list[JobHandle[Any]]) -> list[JobHandle[Any]]:
    """Those that have ended, and what is newly known is noted in them."""
    for store in {handle._store for handle in handles}:
        asked = [each for each in handles if each._store is store and not each._ended]
        ended = store.look({(each.account, each.job_id): each._doubt for each in asked})
        for handle in asked:
            handle._ended = ended.get(handle.job_id)
    return [handle for handle in handles if handle._ended]
