"""Celery's command `revoke`, for updates: Flower's button and `app.control.revoke` send it.

Celery would only forget the message; the ledger would keep the job, and all that wait behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from celery import Celery
from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import state as worker_state

from revio_jobs.errors import Unavailable, Withdrawn
from tasks.decision import failed
from worker.celery_app.task_adapter import NOT_TERMINATED, REVOKED
from worker.ledger import RedisLedger

_log = structlog.get_logger(__name__)

_celerys_revoke = control.revoke


class Revoking:
    """Carries the command out in this worker. Every worker gets it; the first ends the job."""

    def __init__(
        self, app: Celery, accounts: Iterable[str], ledger: Callable[[], RedisLedger]
    ) -> None:
        self._app = app
        self._accounts = tuple(accounts)
        self._ledger = ledger
        register = control.control_command(
            name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]"
        )
        register(self._revoke)

    def _revoke(
        self,
        state: Any,  # noqa: ANN401 - Celery's
        task_id: str | list[str],
        terminate: bool = False,  # noqa: FBT001, FBT002 - as Celery's
        **_: object,
    ) -> Any:  # noqa: ANN401 - Celery's answer
        """Revoke tasks by id. An update that nobody has begun ends as Withdrawn."""
        ids = maybe_list(task_id) or []
        if terminate:
            _log.warning("job_not_terminated", jobs=ids, reason=NOT_TERMINATED)
        others = [each for each in ids if not self._withdraw(each)]
        # What Celery remembers also marks an update that a worker has just now, if it comes again.
        worker_state.revoked.update(ids)
        return _celerys_revoke(state, others)

    def _withdraw(self, job_id: str) -> bool:
        """Whether it is an accepted update; it has ended now if nobody had begun it."""
        error = Withdrawn(REVOKED)
        outcome, how = failed(error).outcome, type(error).__name__
        try:
            ledger = self._ledger()
            found = [ledger.withdraw(each, job_id, outcome, how) for each in self._accounts]
        except Unavailable as exc:
            _log.warning("revoke_not_noted", job=job_id, reason=str(exc))
            return False
        if True in found:
            _log.info("job_withdrawn", job=job_id)
            # Who waits with Celery alone hears it even if no message of the job is left.
            self._app.backend.mark_as_failure(job_id, error)
        return any(each is not None for each in found)
