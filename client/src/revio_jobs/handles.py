"""What a producer holds after it has submitted a job, and how it waits for results."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel
from redis.exceptions import RedisError

from revio_jobs.contracts import CustomerProduct, Job, QueryResult
from revio_jobs.errors import ResultExpired
from revio_jobs.existence_probe import FIRST_PROBE_S, ExistenceProbe
from revio_jobs.pages import Pages
from revio_jobs.poll_schedule import PollSchedule
from revio_jobs.redis_patience import RedisPatience
from revio_jobs.results import Ended, Results

R = TypeVar("R", bound=BaseModel)
R_co = TypeVar("R_co", bound=BaseModel, covariant=True)

Submission = Literal["new", "attached", "settled", "expired", "conflict", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(Generic[R_co]):
    """What is known of a job that was just submitted, or was submitted before."""

    account: str
    job_id: str
    submission: Submission
    kind: type[R_co]
    job: Job | None = None
    ended: Ended | None = None


class Handle(Generic[R_co]):
    """One submitted job; it remembers the result once known."""

    def __init__(self, known: Submitted[R_co], now: float) -> None:
        self.account = known.account
        """Name of the Rev.io account."""
        self.job_id = known.job_id
        """The Celery task id, by which Flower and `revio result` know the job."""
        self.job = known.job
        """What was submitted; None for a handle of a job submitted before."""
        self.submission: Submission = known.submission
        """What submitting did. new: the job was accepted. attached: the same job was on its way.
        settled: it had ended. expired: it had ended, and its result has expired. conflict: the key
        belongs to another change. unknown: nobody has asked yet (a `query_handle`)."""
        self._probe = ExistenceProbe(now if known.submission == "unknown" else now + FIRST_PROBE_S)
        self._kind = known.kind
        self._ended = known.ended

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id} {self.submission}>"

    def _value(self) -> dict[str, Any]:
        """The result as it is stored, of a job that has ended; raises the error it ended with."""
        ended = cast("Ended", self._ended)
        if isinstance(ended.value, BaseException):
            # Else each call would lengthen the traceback, and keep alive what its frames hold.
            raise ended.value.with_traceback(None)
        if self._kind is QueryResult and "outcome" in ended.value:
            raise TypeError(f"job {self.job_id} is an update: get its handle by `find`")
        return ended.value

    def _note(self, ended: Ended | None) -> None:
        """None: not yet, by a poll that another one may have overtaken."""
        self._ended = self._ended or ended

    def _check_has_records(self) -> None:
        if self._kind is not QueryResult:
            raise TypeError(f"job {self.job_id} is an update: only a query has records")

    def _expired(self, value: dict[str, Any]) -> ResultExpired:
        read_at = datetime.fromisoformat(value["fetched_at"]).timestamp()
        return ResultExpired(self.job_id, "SUCCESS", read_at)

    def _inline(self, value: dict[str, Any]) -> tuple[CustomerProduct, ...]:
        result: Any = self._kind.model_validate(value)
        products: tuple[CustomerProduct, ...] = result.customer_products
        return products


class JobHandle(Handle[R_co]):
    """One submitted job. Threads may share it.

    Every method that talks to Redis raises redis.exceptions.ConnectionError when it is down, but
    waiting goes on for up to a minute without Redis.
    """

    def __init__(self, known: Submitted[R_co], results: Results) -> None:
        super().__init__(known, results.clock())
        self._results = results

    @property
    def state(self) -> str:
        """Celery's name: PENDING, STARTED, PROGRESS, RETRY, SUCCESS or FAILURE.

        The state that was noted last, which may be out of date. STARTED: a worker has begun the
        update at least once; it may be queued again, behind another update of its product or until
        its next attempt. PENDING: nothing is noted, as of a query until it progresses or ends.
        """
        _poll([self])
        return self._ended.state if self._ended else self._results.state(self.job_id)

    @property
    def progress(self) -> tuple[int, int] | None:
        """Vendor calls answered, and calls in all, of a query of many calls; None if not known.

        It is known from the first answer until the query ends.
        """
        return self._results.progress(self.job_id)

    def done(self) -> bool:
        """Whether the job has ended, well or not, so that `result` would return at once."""
        return bool(self._ended or _poll([self]))

    def result(self, timeout: float | None = None) -> R_co:
        """Wait for the job to end and return its result.

        `timeout` in seconds; if omitted, it waits for as long as the job exists. Raises the
        RevioError that the job ended with; TimeoutError when it has not ended in time (the job goes
        on); ResultExpired when its result has expired; Forgotten when Redis knows nothing of it;
        ResultUnavailable when Redis could not be reached for a minute (the job may go on).
        """
        value = self._wait(timeout)
        if Pages.of(value):
            value = value | {"customer_products": tuple(self._paged(value))}
        return self._kind.model_validate(value)

    def records(self, timeout: float | None = None) -> Iterator[CustomerProduct]:
        """A query's products one by one, with a few pages of a large result in memory.

        `timeout` and errors as in `result`; also raises ResultExpired when the result expires while
        it is being read, and TypeError for an update.
        """
        self._check_has_records()
        value = self._wait(timeout)
        yield from self._paged(value) if Pages.of(value) else self._inline(value)

    def _wait(self, timeout: float | None) -> dict[str, Any]:
        for _ in as_completed([self], timeout):
            pass
        return self._value()

    def _paged(self, value: dict[str, Any]) -> Iterator[CustomerProduct]:
        pages = cast("Pages", Pages.of(value))
        try:
            for page in self._results.pages(pages):
                yield from page
        except LookupError as exc:
            raise self._expired(value) from exc


def as_completed(
    handles: Iterable[JobHandle[R]], timeout: float | None = None
) -> Iterator[JobHandle[R]]:
    """The handles in the order in which their jobs end; `result` of each returns at once.

    Each comes once. `timeout` in seconds for all of them; if omitted, it waits for as long as the
    jobs exist. Raises TimeoutError when some have not ended in time, and ResultUnavailable when
    Redis could not be reached for a minute; the jobs go on. What jobs end with is raised by their
    handles' `result`, not here.
    """
    schedule, patience = PollSchedule(handles), RedisPatience()
    limit = checked_timeout(timeout)
    give_up = math.inf if limit is None else time.monotonic() + limit
    # The first poll and the last are of all jobs.
    chosen = list(schedule)
    while schedule:
        polled_at = time.monotonic()
        try:
            _poll(chosen)
            patience.restore()
        except RedisError as exc:
            patience.spend(exc, polled_at)
        # Before the caller takes its time with those that have ended.
        is_last = len(chosen) == len(schedule) and time.monotonic() >= give_up
        ended = [handle for handle in chosen if handle._ended]
        schedule.remove(ended)
        pause = schedule.pause_s(time.monotonic() - polled_at)
        yield from ended
        if schedule and is_last:
            raise not_ended(len(schedule), timeout)
        remainder = give_up - time.monotonic()
        chosen = schedule.next_poll() if pause < remainder else list(schedule)
        if schedule:
            time.sleep(max(min(pause, remainder), 0.0))


def checked_timeout(timeout_s: float | None) -> float | None:
    """Raises ValueError for NaN, which is before no time and after none."""
    if timeout_s is not None and math.isnan(timeout_s):
        raise ValueError("timeout: expected a number of seconds, not nan")
    return timeout_s


def not_ended(count: int, timeout_s: float | None) -> TimeoutError:
    """The TimeoutError of a caller whose timeout has passed."""
    who = "the job has" if count == 1 else f"{count} of the jobs have"
    return TimeoutError(f"{who} not ended in {timeout_s} s")


def _poll(handles: list[JobHandle[R]]) -> list[JobHandle[R]]:
    """Those that have ended; what is newly known is noted in them.

    Raises the RedisError of one that could not be read, after all others were.
    """
    error: RedisError | None = None
    for results in {handle._results for handle in handles}:
        pending = [h for h in handles if h._results is results and not h._ended]
        try:
            ended = results.poll({(h.account, h.job_id): h._probe for h in pending})
        except RedisError as exc:
            error = exc
            continue
        for handle in pending:
            handle._note(ended.get(handle.job_id))
    if error:
        raise error
    return [handle for handle in handles if handle._ended]
