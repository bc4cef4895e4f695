"""Celery's remote commands, as Flower, `celery control` and `app.control` send them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog
from celery import Celery, signals
from celery.app.utils import filter_hidden_settings
from celery.platforms import EX_OK
from celery.utils.functional import maybe_list
from celery.worker import control
from celery.worker import state as worker_state

from revio_jobs.contracts import Lane, parse_queue_name
from revio_jobs.errors import Unavailable, Withdrawn
from tasks.decision import failed
from worker.celery_app.refusals import COMMANDS
from worker.celery_app.revocations import Revocations
from worker.celery_app.task_adapter import NOT_TERMINATED, REVOKED
from worker.ledger import RedisLedger

_log = structlog.get_logger(__name__)

_celerys_revoke = control.revoke
_celerys_add_consumer = control.add_consumer
_celerys_cancel_consumer = control.cancel_consumer
_celerys_disable_events = control.disable_events
_celerys_stats = control.stats


class Lanes(Protocol):
    """Which lanes this worker serves."""

    def add(self, account: str, lane: Lane) -> None:
        """Serve the lane from now on."""

    def remove(self, account: str, lane: Lane) -> None:
        """Take no more jobs of the lane."""


class Revoking:
    """Carries out `revoke` and `terminate` in this worker. Every worker gets them; the first that
    acts ends the job.

    Celery would only forget the message; the ledger would keep the job, and all that wait behind
    it.
    """

    def __init__(
        self,
        app: Celery,
        accounts: Iterable[str],
        ledger: Callable[[], RedisLedger],
        revocations: Callable[[], Revocations],
    ) -> None:
        self._app = app
        self._revocations = revocations
        self._accounts = tuple(accounts)
        self._ledger = ledger
        control.control_command(
            name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]"
        )(self._revoke)
        control.control_command(
            name="terminate",
            variadic="task_id",
            args=[("signal", str)],
            signature="<signal> [id1 [id2 [... [idN]]]]",
        )(self._terminate)

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
        # What Celery remembers also marks an update that a worker has just now, if it comes again.
        worker_state.revoked.update(ids)
        try:
            lives = {job_id: self._end(job_id) for job_id in ids}
            self._revocations().note([job_id for job_id in ids if lives[job_id] is not False])
        except Unavailable as exc:
            _log.warning("revoke_not_noted", jobs=ids, reason=str(exc))
            return {"error": f"revoke: {exc}; not all of {', '.join(ids)} are, try again"}
        # It would also call an update revoked that another worker has.
        _celerys_revoke(state, [job_id for job_id in ids if lives[job_id] is None])
        return {"ok": f"tasks {set(ids)} flagged as revoked"}

    def _terminate(self, state: Any, task_id: str | list[str], **_: object) -> Any:  # noqa: ANN401 - as `_revoke`
        """Revoke tasks by id; one that runs goes on, since a thread cannot be ended."""
        return self._revoke(state, task_id, terminate=True)

    def _end(self, job_id: str) -> bool | None:
        """End it if it is an update that nobody has begun. Returns whether it is still to end.

        An update that a worker has may come again, to one that starts later. None if no such update
        was accepted. Raises Unavailable.
        """
        error = Withdrawn(REVOKED)
        outcome, how = failed(error).outcome, type(error).__name__
        ledger = self._ledger()
        known = {name: ledger.withdraw(name, job_id, outcome, how) for name in self._accounts}
        if True in known.values():
            _log.info("job_withdrawn", job=job_id)
            # So that plain Celery callers hear it even if the job's message is gone.
            self._app.backend.mark_as_failure(job_id, error)
            return False
        accounts = [name for name, withdrawn in known.items() if withdrawn is not None]
        return not ledger.has_ended(accounts[0], job_id) if accounts else None


class LaneCommands:
    """Carries out `add_consumer` and `cancel_consumer`, which say which lanes a worker serves.

    Celery alone would change what the consumer takes now, and the lane's control would change it
    back within a second.
    """

    def __init__(self, accounts: Iterable[str], lanes: Callable[[], Lanes | None]) -> None:
        self._accounts = frozenset(accounts)
        self._lanes = lanes
        control.control_command(name="add_consumer", args=[("queue", str)], signature="<queue>")(
            self._add
        )
        control.control_command(name="cancel_consumer", args=[("queue", str)], signature="<queue>")(
            self._cancel
        )

    def _add(self, state: Any, queue: str, **options: Any) -> Any:  # noqa: ANN401 - as Celery's
        """Tell worker(s) to serve a lane by its queue's name."""
        lane = self._lane(queue)
        if lane is None:
            return self._refused(queue)
        answer = _celerys_add_consumer(state, queue, **options)
        if lanes := self._lanes():
            lanes.add(*lane)
        return answer

    def _cancel(self, state: Any, queue: str, **options: Any) -> Any:  # noqa: ANN401 - as Celery's
        """Tell worker(s) to take no more jobs of a lane; those that run end."""
        lane = self._lane(queue)
        if lane is None:
            # Celery would answer that it is drained of that, and serve the lane that was meant.
            return self._refused(queue)
        if lanes := self._lanes():
            lanes.remove(*lane)
        return _celerys_cancel_consumer(state, queue, **options)

    def _lane(self, queue: str) -> tuple[str, Lane] | None:
        """None if it is not a lane of our accounts."""
        lane = parse_queue_name(queue)
        return lane if lane and lane[0] in self._accounts else None

    def _refused(self, queue: str) -> dict[str, str]:
        return {"error": f"{queue} is not a lane of {', '.join(sorted(self._accounts))}"}


def stop_as_at_sigterm() -> None:
    """Make `shutdown` hold whatever Redis does, and keep what still runs from others meanwhile.

    Celery raises its end in the loop at once, and tells nobody of it, as it does of a signal.
    """
    control.control_command(name="shutdown")(_shutdown)


def _shutdown(_state: object, msg: str = "Got shutdown from remote", **_: object) -> None:
    """Shut down worker(s)."""
    _log.warning("shutdown_by_command", reason=msg)
    signals.worker_shutting_down.send(sender=None, sig="shutdown", how="Warm", exitcode=EX_OK)
    worker_state.should_stop = EX_OK


def let_events_be_disabled() -> None:
    """Make `disable_events` hold.

    A dispatcher that has sent tasks' events from its start has no list of groups, in which Celery
    looks for them: it would answer that they are disabled, and go on to send them.
    """
    control.control_command(name="disable_events")(_disable_events)


def _disable_events(state: Any) -> Any:  # noqa: ANN401 - Celery's
    """Tell worker(s) to stop sending task-related events."""
    dispatcher = state.consumer.event_dispatcher
    if dispatcher and not dispatcher.groups:
        dispatcher.groups.update(("task", "worker"))
    return _celerys_disable_events(state)


def mask_stats() -> None:
    """Let `stats` show no secret of the broker's options, just as `conf` masks them.

    Celery takes out the password of the broker's URL alone.
    """
    control.inspect_command(name="stats")(_stats)


def _stats(state: Any) -> Any:  # noqa: ANN401 - Celery's
    """Request worker statistics/information."""
    stats = _celerys_stats(state)
    return stats | filter_hidden_settings({"broker": stats.get("broker")})


def refuse_commands() -> None:
    """Answer the commands that would not hold here with the way to do it."""
    for name, way in COMMANDS.items():
        known = control.Panel.meta[name]
        control.control_command(
            name=name, args=known.args, signature=known.signature, variadic=known.variadic
        )(_refusal(name, way))


def _refusal(name: str, way: str) -> Callable[..., dict[str, str]]:
    def refuse(_state: object, **_arguments: object) -> dict[str, str]:
        _log.warning("command_refused", command=name, reason=way)
        return {"error": f"{name}: {way}"}

    refuse.__doc__ = f"Refused: {way}."
    return refuse
