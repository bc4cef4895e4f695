"""What a handle promises, whatever its callers and Redis do meanwhile."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from revio_jobs import JobHandle, UpdateResult, as_completed, errors
from revio_jobs.contracts import CustomerProduct, QueryResult
from revio_jobs.existence_probe import ExistenceProbe, JobRef
from revio_jobs.handles import Submitted
from revio_jobs.pages import Pages
from revio_jobs.results import Ended

APPLIED = Ended({"outcome": "applied", "id": 1})
REFUSED = Ended(errors.Rejected("P1", "no"))


class Results:
    """Redis, as a test lets it answer."""

    def __init__(self) -> None:
        self.ended: dict[str, Ended] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.clock: Callable[[], float] = lambda: 0.0

    def state(self, job_id: str) -> str:
        return self.ended[job_id].state

    def progress(self, job_id: str) -> tuple[int, int] | None:
        raise NotImplementedError(job_id)

    def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        ended = {job_id: self.ended[job_id] for _, job_id in jobs if job_id in self.ended}
        self.before_answer()
        return ended

    def pages(self, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
        raise NotImplementedError(pages)


class Clock:
    """Of a consumer that takes its time; a pause takes none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("revio_jobs.handles.time.monotonic", lambda: self.now)
        monkeypatch.setattr("revio_jobs.handles.time.sleep", self.advance)

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def results() -> Results:
    return Results()


def update(results: Results, job_id: str, ended: Ended | None = None) -> JobHandle[UpdateResult]:
    known = Submitted(
        account="default", job_id=job_id, submission="new", kind=UpdateResult, ended=ended
    )
    return JobHandle(known, results)


def test_an_answer_that_comes_late_does_not_undo_a_newer_one(results: Results) -> None:
    handle = update(results, "a")
    asked, may_answer = threading.Event(), threading.Event()

    def wait() -> None:
        if threading.current_thread() is slow:
            asked.set()
            may_answer.wait(60)

    results.before_answer = wait
    slow = threading.Thread(target=handle.done)
    slow.start()
    asked.wait(60)
    results.ended["a"] = APPLIED
    assert handle.done()
    may_answer.set()
    slow.join()
    results.ended.clear()
    assert handle.result(0).outcome == "applied"


def test_an_error_that_is_raised_again_does_not_grow(results: Results) -> None:
    handle = update(results, "a", REFUSED)
    lengths = set()
    for _ in range(3):
        with pytest.raises(errors.Rejected) as caught:
            handle.result()
        lengths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(lengths) == 1


def test_a_job_that_ended_while_the_caller_was_busy_has_ended_in_time(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    handles = [update(results, job_id) for job_id in "abc"]
    results.ended["a"] = APPLIED
    completed = as_completed(handles, timeout=60)
    assert next(completed) is handles[0]
    results.ended["b"] = APPLIED
    clock.advance(61)
    assert next(completed) is handles[1]
    with pytest.raises(TimeoutError, match="the job has not ended in 60 s"):
        next(completed)


def test_a_minute_without_redis_is_not_one_that_the_caller_spent(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, failures = Clock(monkeypatch), [1]

    def fail() -> None:
        if failures[0] > 0:
            failures[0] -= 1
            raise RedisConnectionError("down")

    handles = [update(results, "a", APPLIED), update(results, "b")]
    completed = as_completed(handles)
    assert next(completed) is handles[0]
    clock.advance(120)
    results.ended["b"], results.before_answer, failures[0] = APPLIED, fail, 1
    assert next(completed) is handles[1]
    failures[0] = 10**6
    began = clock.now
    # Else a caller would take it for the end of a job of which nothing was executed.
    with pytest.raises(errors.ResultUnavailable, match="down"):
        update(results, "c").result()
    assert 60 < clock.now - began < 62


def test_what_is_known_to_have_ended_needs_no_redis(results: Results) -> None:
    def fail() -> None:
        raise RedisConnectionError("down")

    results.before_answer = fail
    handles = [update(results, "a"), update(results, "b", REFUSED)]
    assert next(as_completed(handles)) is handles[1]


def test_jobs_of_one_redis_end_while_another_one_is_down() -> None:
    def fail() -> None:
        raise RedisConnectionError("down")

    places = [Results() for _ in range(6)]
    handles = [update(results, str(number)) for number, results in enumerate(places)]
    for number, results in enumerate(places):
        results.ended[str(number)] = APPLIED
    places[0].before_answer = fail
    completed = as_completed(handles)
    assert {next(completed) for _ in range(5)} == set(handles[1:])


def test_a_timeout_that_is_not_a_number_is_refused(results: Results) -> None:
    with pytest.raises(ValueError, match="timeout: expected a number of seconds"):
        update(results, "a").result(float("nan"))


def test_an_update_has_no_records(results: Results) -> None:
    with pytest.raises(TypeError, match="job a is an update: only a query has records"):
        next(update(results, "a", APPLIED).records())


def test_the_id_of_an_update_names_no_query(results: Results) -> None:
    known = Submitted(
        account="default", job_id="a", submission="unknown", kind=QueryResult, ended=APPLIED
    )
    handle = JobHandle(known, results)
    for read in (handle.result, lambda: next(handle.records())):
        with pytest.raises(TypeError, match="job a is an update: get its handle by `find`"):
            read()
