"""Names on the wire. They outlive every class and module: change none of them."""

from __future__ import annotations

import re
import uuid
from enum import StrEnum

QUERY_TASK = "revio.customer_products.query"
UPDATE_TASK = "revio.customer_products.update"

DEFAULT_ACCOUNT = "default"
ACCOUNT_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"

RUN_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"

SOURCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}$"
SOURCE_HEADER = "revio_source"
"""A header by which a raw message may name its source, as its kwarg `source` does."""

# The namespace of the job ids that are derived from an idempotency key.
_JOB_NAMESPACE = uuid.UUID("6f1c2e4a-53c1-5d0e-9a57-2a8d3b0f7c11")


class Lane(StrEnum):
    """Who waits for a job: a person or service (interactive), or a campaign (bulk)."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


def queue_name(account: str, lane: Lane) -> str:
    """The Celery queue (and Redis list) of one account's lane."""
    return f"revio.{account}.{lane.value}"


def parse_queue_name(queue: str) -> tuple[str, Lane] | None:
    """The account and lane of a queue name, or None if it is not one of ours."""
    match = re.fullmatch(r"revio\.([a-z0-9][a-z0-9_-]{0,31})\.(interactive|bulk)", queue)
    return (match[1], Lane(match[2])) if match else None


def job_id_of(account: str, idempotency_key: str) -> str:
    """The job's id, which is its Celery task id: the same for the same account and key.

    A caller that crashed after submitting finds its result again by the key alone.
    """
    return str(uuid.uuid5(_JOB_NAMESPACE, f"{account}\n{idempotency_key}"))
