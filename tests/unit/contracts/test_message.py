from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import Job, Lane, QueryJob, UpdateJob
from revio_jobs.message import describe, encode_message

APP = producer_app("redis://127.0.0.1:1/0")
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=20
)
JOBS: st.SearchStrategy[Job] = st.builds(
    UpdateJob, id=st.integers(1, 9), description=TEXTS, idempotency_key=TEXTS.filter(bool)
) | st.builds(QueryJob, ids=st.lists(st.integers(1, 9), min_size=1))


@given(job=JOBS, job_id=st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_a_message_is_what_celery_makes_of_the_job(job: Job, job_id: str) -> None:
    message = json.loads(encode_message(APP, job, job_id, Lane.BULK))
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[], job.kwargs()]
    assert message["headers"] == _as_celery(job, job_id).headers
    properties = message["properties"]
    assert properties.items() >= _as_celery(job, job_id).properties.items()
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "revio.default.bulk"}


def test_two_messages_of_one_job_are_told_apart() -> None:
    job = QueryJob(ids=(1,))
    one, other = (json.loads(encode_message(APP, job, "a", Lane.BULK)) for _ in range(2))
    assert one["properties"]["delivery_tag"] != other["properties"]["delivery_tag"]


def _as_celery(job: Job, job_id: str) -> Any:
    return APP.amqp.as_task_v2(
        job_id, job.task, (), job.kwargs(), argsrepr=describe(job), kwargsrepr="{}"
    )
