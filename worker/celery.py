"""The Celery app and its two tasks; it decides nothing.

    celery -A worker worker -Q revio.default.interactive

needs no other option to be right.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu import Queue
from kombu.transport import TRANSPORT_ALIASES

from revio_jobs.celery_app import WIRE_SETTINGS, connection_settings, lane_queue
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK, Lane, QueryJob, UpdateJob, job_id_of
from settings import Settings, SettingsError, load
from worker.celery_app.consumer import ReconnectingConsumer
from worker.celery_app.held_messages import HOLD_INTERVAL_S
from worker.celery_app.lifecycle import Lifecycle
from worker.celery_app.persistent_redis import PUBLISH_RETRIES
from worker.celery_app.refusals import (
    refuse_lost_options,
    refuse_other_brokers,
    refuse_subcommands,
)
from worker.celery_app.result_backend import REDIS_URL, backend_url
from worker.celery_app.start_refusal import refuse_start
from worker.celery_app.task_adapter import JobTask, conclude, raw_message, read_job, show_progress
from worker.celery_app.transport import transport_for


def _load_settings() -> Settings:
    try:
        return load()
    except SettingsError as exc:
        refuse_start(str(exc))


def _queues(settings: Settings) -> list[Queue]:
    return [lane_queue(account, lane) for account in settings.accounts for lane in Lane]


refuse_other_brokers(os.environ)
refuse_subcommands()
refuse_lost_options(sys.argv)
settings = _load_settings()
connection = connection_settings(
    settings.redis_url.get_secret_value(),
    settings.redis_sentinel_master,
    broker={
        "visibility_timeout": settings.visibility_timeout_s,
        "unacked_restore_interval": HOLD_INTERVAL_S,
    },
)
broker_url = connection["broker_url"]

# Under the scheme's own name, by which Flower knows what kind of broker it is.
TRANSPORT_ALIASES[urlsplit(broker_url).scheme.partition("+")[0]] = transport_for(broker_url)

app = Celery(
    "revio",
    broker=broker_url,
    backend=backend_url(connection["result_backend"]),
    task_cls=JobTask,
)
app.conf.update(
    WIRE_SETTINGS | connection,
    result_backend=backend_url(connection["result_backend"]),
    result_backend_transport_options=connection["result_backend_transport_options"]
    | {REDIS_URL: settings.redis_url.get_secret_value()},
    # Threads: an update waits for the network, one client serves all, and nothing is forked.
    worker_pool="worker.celery_app.pool:JobPool",
    worker_concurrency=settings.threads,
    worker_query_threads=settings.query_threads,
    worker_consumer=ReconnectingConsumer,
    # One message per free thread, acknowledged when the job has ended.
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    task_queues=_queues(settings),
    task_default_queue=_queues(settings)[0].name,
    worker_send_task_events=True,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    # However long Redis is away: the consumer would begin anew after a hundred.
    broker_connection_max_retries=None,
    # It would set a prefetch that the pool has raised to what it was without that.
    worker_enable_prefetch_count_reduction=False,
    result_expires=settings.result_retention_s,
    # Otherwise a restart of Redis at that moment would turn a result into a failure.
    result_backend_always_retry=True,
    # Otherwise a chord whose body cannot be published for a second would fail for good.
    task_publish_retry_policy=PUBLISH_RETRIES,
)
lifecycle = Lifecycle(app, settings)


@app.task(bind=True, name=QUERY_TASK, track_started=False)
def query(self: JobTask, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
    """Read customer products."""
    with read_job(self, QueryJob, args, kwargs) as (job, lane):
        attempt = self.request.retries + 1
        progress = partial(show_progress, self)
        run = partial(
            lifecycle.application.queries.run, job, self.request.id, lane, attempt, progress
        )
        decision = lifecycle.metrics.handled("query", job.account, lane, run)
        back_off = partial(lifecycle.back_off, job.account, lane)
        return conclude(self, decision, job_id=self.request.id, back_off=back_off)


@app.task(bind=True, name=UPDATE_TASK)
def update(self: JobTask, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
    """Change one customer product."""
    with read_job(self, UpdateJob, args, kwargs) as (job, lane):
        key = job.idempotency_key
        job_id = job_id_of(job.account, key) if key else self.request.id
        withdrawn = self.request.get("withdrawn") or ""
        raw = raw_message(self, job_id)
        run = partial(lifecycle.application.updates.run, job, job_id, lane, withdrawn, raw)
        decision = lifecycle.metrics.handled("update", job.account, lane, run)
        back_off = partial(lifecycle.back_off, job.account, lane)
        return conclude(self, decision, job_id=job_id, back_off=back_off)
