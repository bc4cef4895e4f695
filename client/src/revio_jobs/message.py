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
_PERSISTENT = 2


class _Form(NamedTuple):
    """What Celery makes of a task, with the places to fill in."""

    headers: dict[str, Any]
    properties: dict[str, Any]
    embedded: str
    """The third part of the body, as JSON."""


_FORMS: WeakKeyDictionary[Celery, dict[str, _Form]] = WeakKeyDictionary()


def encode_message(app: Celery, job: Job, job_id: str, lane: Lane) -> str:
    """The JSON text that a lane's Redis list holds for a job."""
    form = _form(app, job.task)
    body = f"[[],{job.payload()},{form.embedded}]"
    return to_json(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": form.headers | {"id": job_id, "root_id": job_id, "argsrepr": describe(job)},
            "properties": form.properties
            | {
                "correlation_id": job_id,
                "delivery_mode": _PERSISTENT,
                # By queue name: a message that goes back needs no binding that may be lost.
                "delivery_info": {"exchange": "", "routing_key": queue_name(job.account, lane)},
                "priority": 0,
                "body_encoding": "base64",
                # Unique, and at no cost to the system's randomness, which is slow when many ask.
                "delivery_tag": f"{job_id[:8]}.{time.time_ns():x}",
            },
        }
    ).decode()


def _form(app: Celery, task: str) -> _Form:
    """Celery takes its time, and answers the same each time."""
    forms = _FORMS.setdefault(app, {})
    if task not in forms:
        made = app.amqp.as_task_v2("", task, (), {}, argsrepr="", kwargsrepr="{}")
        _, _, embedded = made.body
        forms[task] = _Form(made.headers, made.properties, to_json(embedded).decode())
    return forms[task]


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
