"""Reserves idempotency keys: one atomic step in Redis decides what a submission is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from pydantic_core import to_json
from redis import Redis

from revio_jobs.contracts import Lane, UpdateJob, queue_name
from revio_jobs.encoded_job import EncodedJob
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.reservation_outcome import Attached, Expired, KeyConflict, New, Reservation, Settled

SCRIPT = files("revio_jobs").joinpath("reserve.lua").read_text("utf-8")
"""Accepts jobs; see the file."""


class Reservations:
    """Accepts update jobs in Redis; producers and workers use the same script."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT)

    def reserve(
        self,
        job: UpdateJob,
        job_id: str,
        lane: Lane,
        message: str = "",
        *,
        sequence: int | None = None,
        original: str = "",
    ) -> Reservation:
        """Accept the job; `message` goes to the lane's queue if the job is new.

        `sequence`: the place in the order of submissions that it takes, if not the last.
        `original`: the raw message by which it came, which is delivered again with all that it
        carries.
        """
        encoded = EncodedJob(job, job_id, job.payload(), message, sequence, original)
        keys, args = reservation_call([encoded], lane)
        [answer] = self._script(keys=keys, args=args)
        return read_reservation(answer)

    def find(self, account: str, job_id: str) -> Attached | Settled | Expired | None:
        """The state of a job that was accepted before; None if it is not known."""
        keys = LedgerKeys(account)
        with self._redis.pipeline() as pipeline:
            pipeline.hmget(keys.record(job_id), *RECORD_FIELDS)
            pipeline.get(keys.outcome(job_id))
            return read_record(*pipeline.execute())


def reservation_call(
    jobs: Sequence[EncodedJob[UpdateJob]], lane: Lane
) -> tuple[list[str], list[str | bytes]]:
    """The script's KEYS and ARGV for jobs of one account.

    One long argument costs redis-py a fraction of what many short ones do.
    """
    account = jobs[0].job.account
    ledger = LedgerKeys(account)
    keys = [ledger.sequence, ledger.waiting(lane), queue_name(account, lane)]
    described: list[tuple[str, ...]] = []
    for job, job_id, payload, message, sequence, original in jobs:
        keys += [ledger.record(job_id), ledger.outcome(job_id), ledger.line(job.id)]
        place = "" if sequence is None else str(sequence)
        described.append((job_id, job.fingerprint(), payload, message, place, original))
    return keys, [lane.value, to_json(described)]


RECORD_FIELDS = ("fingerprint", "ended", "at")
"""The fields of a job's record that `read_record` needs."""


def read_record(record: list[Any], outcome: bytes | None) -> Attached | Settled | Expired | None:
    """From a job's record and outcome."""
    fingerprint, how, at_ms = record
    if fingerprint is None:
        return None
    if how is None:
        return Attached()
    if outcome is None:
        return Expired(how.decode(), int(at_ms) / 1000)
    return Settled(json.loads(outcome))


def read_reservation(answer: int | list[Any]) -> Reservation:
    """From the script's answer."""
    if isinstance(answer, int):
        return New()
    status, *detail = (item.decode() if isinstance(item, bytes) else item for item in answer)
    match status:
        case "attached":
            return Attached()
        case "settled":
            return Settled(json.loads(detail[0]))
        case "expired":
            return Expired(str(detail[0]), int(detail[1]) / 1000)
        case _:
            return KeyConflict()
