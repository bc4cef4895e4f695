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

_SHOWN_IDS = 5
_OWN = {"id", "root_id", "argsrepr", "correlation_id"}
"""What each job has of its own, of that which Celery makes."""
_PERSISTENT = 2
_KOMBU = {"delivery_mode": _PERSISTENT, "priority": 0, "body_encoding": "base64"}
"""What kombu adds to the properties."""


class _Form(NamedTuple):
    """What Celery makes of a task, as JSON texts to which a job's own is added."""

    headers: str
    """Without its closing brace, as are the properties."""
    properties: str
    embedded: str
    """The third part of the body."""


_FORMS: WeakKeyDictionary[Celery, dict[str, _Form]] = WeakKeyDictionary()


def encode_message(
    app: Celery, job: Job, job_id: str, lane: Lane, payload: str | None = None
) -> str:
    """The JSON text that a lane's Redis list holds for a job; `payload` is the job's, if known."""
    form = _form(app, job.task)
    body = base64.b64encode(f"[[],{payload or job.payload()},{form.embedded}]".encode()).decode()
    name = _json(job_id)
    # By queue name: a message that goes back needs no binding that may be lost.
    route = _json(queue_name(job.account, lane))
    # Unique, and at no cost to the system's randomness, which is slow when many ask.
    tag = _json(f"{job_id[:8]}.{time.time_ns():x}")
    return (
        f'{{"body":"{body}","content-encoding":"utf-8","content-type":"application/json",'
        f'"headers":{form.headers},"id":{name},"root_id":{name},"argsrepr":{_json(describe(job))}}},'
        f'"properties":{form.properties},"correlation_id":{name},"delivery_tag":{tag},'
        f'"delivery_info":{{"exchange":"","routing_key":{route}}}}}}}'
    )


def _form(app: Celery, task: str) -> _Form:
    """Celery takes its time, and answers the same each time."""
    forms = _FORMS.setdefault(app, {})
    if task not in forms:
        made = app.amqp.as_task_v2("", task, (), {}, argsrepr="", kwargsrepr="{}")
        _, _, embedded = made.body
        headers = {name: made.headers[name] for name in made.headers.keys() - _OWN}
        properties = {name: made.properties[name] for name in made.properties.keys() - _OWN}
        forms[task] = _Form(_open(headers), _open(properties | _KOMBU), _json(embedded))
    return forms[task]


def _json(value: object) -> str:
    return to_json(value).decode()


def _open(value: dict[str, Any]) -> str:
    return _json(value).removesuffix("}")


def describe(job: Job) -> str:
    """A job in one readable line, as operators see it in Flower."""
    if isinstance(job, QueryJob):
        filters = {"ids": job.ids, "customer_ids": job.customer_ids, "line_ids": job.line_ids}
        return "query " + " ".join(
            f"{name}={_shown(values)}" for name, values in filters.items() if values
        )
    changes = [f"{name}={value}" for name, value in job.changes().items()]
    changes += [f"clear={name}" for name in job.clear]
    changes += [f"campaign={job.campaign.run}"] if job.campaign else []
    return " ".join([f"update {job.id}", *changes])


def _shown(values: tuple[int, ...]) -> str:
    shown = ",".join(map(str, values[:_SHOWN_IDS]))
    more = len(values) - _SHOWN_IDS
    return f"{shown},… ({more} more)" if more > 0 else shown
