"""A job as the message that Celery on Redis would have made of it.

The message is built here and pushed by the script that reserves the job, so that a job is either in
the ledger and in its queue, or in neither: no crash falls between the two.
"""

from __future__ import annotations

import base64
import time
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from celery import Celery
from pydantic_core import to_json

from revio_jobs.contracts import Job, Lane, QueryJob, queue_name
from revio_jobs.encoded_job import EncodedJob, J, identified

_DESCRIBED_IDS = 5
_PER_JOB = {"id", "root_id", "argsrepr", "correlation_id"}
"""The headers and properties that differ from job to job."""
_PERSISTENT = 2
_KOMBU = {"delivery_mode": _PERSISTENT, "priority": 0, "body_encoding": "base64"}
"""What kombu adds to the properties."""


class _Template(NamedTuple):
    """What Celery makes of a task, as JSON texts to which a job's own parts are added."""

    headers: str
    """Without its closing brace, as are the properties."""
    properties: str
    embedded: str
    """The third part of the body."""


_TEMPLATES: WeakKeyDictionary[Celery, dict[str, _Template]] = WeakKeyDictionary()


def encode_job(app: Celery, job: J, lane: Lane) -> EncodedJob[J]:
    """The job with a random key if it has none: 10, 12, 10 are three changes."""
    job, job_id = identified(job)
    payload = job.payload()
    return EncodedJob(job, job_id, payload, encode_message(app, job, job_id, lane, payload))


def encode_message(
    app: Celery, job: Job, job_id: str, lane: Lane, payload: str | None = None
) -> str:
    """The JSON text that a lane's Redis list holds for a job; `payload` is the job's, if known."""
    template = _template(app, job.task)
    body = base64.b64encode(
        f"[[],{payload or job.payload()},{template.embedded}]".encode()
    ).decode()
    name = _json(job_id)
    # By queue name: a message that is put back needs no binding, which may be lost.
    route = _json(queue_name(job.account, lane))
    # Unique without the system's randomness, which is slow when many ask.
    tag = _json(f"{job_id[:8]}.{time.time_ns():x}")
    return (
        f'{{"body":"{body}","content-encoding":"utf-8","content-type":"application/json",'
        f'"headers":{template.headers},"id":{name},"root_id":{name},"argsrepr":{_json(describe(job))}}},'
        f'"properties":{template.properties},"correlation_id":{name},"delivery_tag":{tag},'
        f'"delivery_info":{{"exchange":"","routing_key":{route}}}}}}}'
    )


def _template(app: Celery, task: str) -> _Template:
    """Made once per app and task: Celery takes long, and makes the same each time."""
    templates = _TEMPLATES.setdefault(app, {})
    if task not in templates:
        made = app.amqp.as_task_v2("", task, (), {}, argsrepr="", kwargsrepr="{}")
        _, _, embedded = made.body
        headers = {name: made.headers[name] for name in made.headers.keys() - _PER_JOB}
        properties = {name: made.properties[name] for name in made.properties.keys() - _PER_JOB}
        templates[task] = _Template(_open(headers), _open(properties | _KOMBU), _json(embedded))
    return templates[task]


def _json(value: object) -> str:
    return to_json(value).decode()


def _open(value: dict[str, Any]) -> str:
    return _json(value).removesuffix("}")


def describe(job: Job) -> str:
    """A job in one readable line, as operators see it in Flower."""
    if isinstance(job, QueryJob):
        filters = {"ids": job.ids, "customer_ids": job.customer_ids, "line_ids": job.line_ids}
        words = [f"{name}={_abridged(values)}" for name, values in filters.items() if values]
        return " ".join(["query", *words, *_source(job)])
    changes = [f"{name}={value}" for name, value in job.changes().items()]
    changes += [f"clear={name}" for name in job.clear]
    changes += [f"campaign={job.campaign.run}"] if job.campaign else []
    return " ".join([f"update {job.id}", *changes, *_source(job)])


def _source(job: Job) -> list[str]:
    return [f"source={job.source}"] if job.source else []


def _abridged(ids: tuple[int, ...]) -> str:
    first = ",".join(map(str, ids[:_DESCRIBED_IDS]))
    more = len(ids) - _DESCRIBED_IDS
    return f"{first},… ({more} more)" if more > 0 else first
