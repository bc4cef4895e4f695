"""An update of which nobody knows what became of it: the product looked at, and its job settled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from cli.dead.dead import not_to_be_retried
from cli.producer import app_of
from console.pages.product import product_now
from console.visit import Refused, Visit
from revio_jobs import UpdateJob
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import OutcomeUnknown
from revio_jobs.key_prefix import key_prefix_of
from revio_jobs.results import Ended, ResultReader
from tasks.update.attempt import change_of
from tasks.update.reconcile import UpdateFate, judge
from worker.ledger import DeadLetter, DeadLetters


@dataclass(frozen=True, slots=True)
class Look:
    """The product as Rev.io had it at one moment."""

    fields: Mapping[str, Any]
    """Those that the update was to change, as JSON values."""
    is_applied: bool
    """Whether they prove that the vendor has executed the update."""

    @property
    def token(self) -> str:
        """What a form carries, so that the person who settles decides about what they saw."""
        return json.dumps(self.fields, sort_keys=True)


def look_at(visit: Visit, letter: DeadLetter) -> Look:
    """As Rev.io has the product now. Raises Refused."""
    record = product_now(visit, letter.product_id).model_dump(mode="json")
    job = decode(UpdateJob, letter.payload)
    names = frozenset(job.changes()) | frozenset(job.clear)
    # That a query shows old values proves nothing here: only what it shows of the new ones does.
    fate = judge(change_of(job, names), cast("CustomerProductRecord", record), shows_at_once=False)
    return Look(
        {name: record[name] for name in sorted(names) if name in record},
        fate is UpdateFate.APPLIED,
    )


def settle_as_seen(visit: Visit, letter: DeadLetter, letters: DeadLetters) -> None:
    """As applied, in the ledger and as Celery's result. Raises Refused."""
    if not isinstance(letter.error, OutcomeUnknown):
        raise Refused(f"Its outcome is known: it ended as {type(letter.error).__name__}.")
    if why := not_to_be_retried(letter, even_unknown=True):
        raise Refused(f"Not settled: {why}.")
    look = look_at(visit, letter)
    if visit.text("seen") != look.token:
        raise Refused(
            f"The product looks otherwise than you saw it: it has {_words(look.fields)} now. Look "
            "at it again, and decide about that."
        )
    if not look.is_applied:
        raise Refused(
            f"The product has {_words(look.fields)}, which is not what the update wants: retry it "
            "or discard it."
        )
    settings = visit.console.settings
    result = letters.settle_as_applied(
        letter,
        look.fields.keys(),
        settled_at=datetime.fromtimestamp(visit.console.clock(), UTC),
        result_retention_s=settings.result_retention_s,
        key_retention_s=settings.key_retention_s,
    )
    if result is None:
        raise Refused("Somebody has settled, retried or discarded it meanwhile.")
    _store(visit, letter.job_id, result)


def _store(visit: Visit, job_id: str, result: Mapping[str, Any]) -> None:
    """For callers that read Celery's result, in the form in which workers leave it there."""
    console = visit.console
    app, prefix = app_of(console.settings), key_prefix_of(console.redis.connection_pool)
    meta = {
        "status": Ended(dict(result)).state,
        "result": result,
        "traceback": None,
        "children": [],
        "date_done": result["settled_at"],
        "task_id": job_id,
    }
    text = app.backend.encode(meta)
    key = ResultReader(app, prefix).key(job_id)
    console.redis.set(key, text, ex=console.settings.result_retention_s)


def _words(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'empty' if v is None else v}" for name, v in fields.items())
