"""A job as the message that Celery on Redis would have made of it.

The message is built here and pushed by the script that reserves the job, so that a job is either in
the ledger and in its queue, or in neither: no crash falls between the two.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from celery import Celery
from kombu.serialization import dumps

from revio_jobs.contracts import Job, Lane, QueryJob, queue_name

_SHOWN_IDS = 5
_PERSISTENT = 2


def encode_message(app: Celery, job: Job, job_id: str, lane: Lane) -> str:
    """The JSON text that a lane's Redis list holds for a job."""
    task = app.amqp.as_task_v2(
        job_id, job.task, (), job.kwargs(), argsrepr=describe(job), kwargsrepr="{}"
    )
    content_type, encoding, body = dumps(task.body, serializer="json")
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": encoding,
            "content-type": content_type,
            "headers": task.headers,
            "properties": {
                **task.properties,
                "delivery_mode": _PERSISTENT,
                # By queue name: a message that goes back needs no binding that may be lost.
                "delivery_info": {"exchange": "", "routing_key": queue_name(job.account, lane)},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


def describe(job: Job) -> str:
    """A job in one readable line, as operators see it in Flower."""
    if isinstance(job, QueryJob):
        filters = {"ids": job.ids, "customer_ids": job.customer_ids, "line_ids": job.line_ids}
        return "query " + " ".join(
            f"{name}={_shown(values)}" for name, values in filters.items() if values
        )
    fields: dict[str, Any] = job.model_dump(mode="json", include=set(job.changes()))
    changes = [f"{name}={fields[name]}" for name in job.changes()]
    changes += [f"clear={name}" for name in job.clear]
    changes += [f"campaign={job.campaign.run}"] if job.campaign else []
    return " ".join([f"update {job.id}", *changes])


def _shown(values: tuple[int, ...]) -> str:
    shown = ",".join(map(str, values[:_SHOWN_IDS]))
    more = len(values) - _SHOWN_IDS
    return f"{shown},… ({more} more)" if more > 0 else shown
