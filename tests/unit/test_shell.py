"""What Celery is made to do when Redis does not take a message for a later attempt."""

from __future__ import annotations

from typing import Any

import pytest
from celery.exceptions import Reject
from celery.exceptions import Retry as CeleryRetry
from redis.exceptions import ResponseError

from tasks.decision import Retry
from worker.celery_app.task_adapter import JobTask, conclude


class Refused(JobTask):
    """Celery's `retry` while Redis refuses, as often as told."""

    name = "refused"

    def __init__(self, times: int) -> None:
        self.left = times

    def retry(self, *_: Any, **options: Any) -> CeleryRetry:
        if self.left:
            self.left -= 1
            raise Reject(ResponseError("BUSY Redis is busy running a script"), requeue=False)
        return CeleryRetry(when=options["countdown"])


def test_an_attempt_that_redis_does_not_take_is_offered_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("worker.celery_app.task_adapter.time.sleep", pauses.append)
    with pytest.raises(CeleryRetry) as raised:
        conclude(Refused(3), Retry(7.0, "no answer"), job_id="j", back_off=lambda *_: None)
    assert raised.value.when == 7.0
    assert pauses == [1.0, 1.0, 1.0]
