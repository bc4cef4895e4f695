"""What a producer holds after it has submitted a job, and how it waits for results."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.contracts import Job
from revio_jobs.errors import Unavailable
from revio_jobs.results import Ended, ResultStore

R = TypeVar("R", bound=BaseModel)

_FIRST_POLL_S = 0.01
_SLOWEST_POLL_S = 0.25
_REDIS_PATIENCE_S = 60.0


class JobHandle(Generic[R]):
    """One submitted job. It may be shared between threads; it remembers the result once known."""

    def __init__(
        self,
        *,
        account: str,
        job_id: str,
        submission: str,
        kind: type[R],
        store: ResultStore,
        job: Job | None = None,
        ended: Ended | None = None,
    ) -> None:
        self.account = account
        self.job_id = job_id
        self.job = job
        """What was submitted; None for a handle that `find` gave back."""
        self.submission = submission
        """new, attached (the same job was on its way), settled (it had ended), expired (it had
        ended, and its result has gone) or conflict (another payload had the key)."""
        self._kind = kind
        self._store = store
        self._ended = ended

    def __repr__(self) -> str:
        return f"<JobHandle {self.job_id} {self.submission}>"

    @property
    def state(self) -> str:
        """Celery's name: PENDING, STARTED, RETRY, SUCCESS or FAILURE."""
        _look([self])
        return self._ended.state if self._ended else self._store.state(self.job_id)

    def done(self) -> bool:
        """Whether `result` would answer at once."""
        return bool(self._ended or _look([self]))

    def result(self, timeout: float | None = None) -> R:
        """The job's result. `timeout` in seconds; None waits for as long as it takes.

        Raises the RevioError that the job ended with, or TimeoutError: the job goes on then.
        """
        for _ in as_completed([self], timeout):
            pass
        ended: Any = self._ended
        if isinstance(ended.value, BaseException):
            raise ended.value
        return self._kind.model_validate(ended.value)


def as_completed(
    handles: Iterable[JobHandle[Any]], timeout: float | None = None
) -> Iterator[JobHandle[Any]]:
    """The handles in the order in which their jobs end; `result` answers at once for each.

    Raises TimeoutError when some have not ended after `timeout` seconds, and Unavailable when Redis
    could not be reached for a minute.
    """
    pending = list(handles)
    give_up = None if timeout is None else time.monotonic() + timeout
    pause, reached = _FIRST_POLL_S, time.monotonic()
    while True:
        try:
            ended, reached = _look(pending), time.monotonic()
        except (RedisConnectionError, RedisTimeoutError) as exc:
            # Redis may be restarting; the jobs and their results outlive that.
            if time.monotonic() - reached > _REDIS_PATIENCE_S:
                raise Unavailable(f"Redis cannot be reached: {exc}") from exc
            ended = []
        yield from ended
        done = set(map(id, ended))
        pending = [handle for handle in pending if id(handle) not in done]
        if not pending:
            return
        pause = _FIRST_POLL_S if ended else min(pause * 1.5, _SLOWEST_POLL_S)
        if give_up is not None:
            left = give_up - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{len(pending)} of the jobs have not ended in {timeout} s")
            pause = min(pause, left)
        time.sleep(pause)


def _look(handles: list[JobHandle[Any]]) -> list[JobHandle[Any]]:
    """Those that have ended, and what is newly known is noted in them."""
    for store in {handle._store for handle in handles}:
        asked = [each for each in handles if each._store is store and not each._ended]
        ended = store.fetch((each.account, each.job_id) for each in asked)
        for handle in asked:
            handle._ended = ended.get(handle.job_id)
    return [handle for handle in handles if handle._ended]
