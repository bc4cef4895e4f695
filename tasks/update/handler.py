"""The update job: changes one customer product once, and reports what is proved of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.errors import (
    Abandoned,
    IdempotencyConflict,
    OutcomeUnknown,
    QuotaExhausted,
    ResultExpired,
    Retryable,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
    Withdrawn,
)
from revio_jobs.reservation_outcome import KeyConflict
from tasks.decision import Decision, Done, RetryPolicy, Skip, failed, requeue, unknown_account
from tasks.ports import (
    AlreadyEnded,
    Call,
    Claimed,
    Lease,
    LeaseLost,
    Ledger,
    NotNow,
    Purpose,
    RawMessage,
)
from tasks.update.attempt import Attempt, AttemptEnding, ReadTooEarly, UpdateTarget, unknown_ending
from tasks.update.send_check import AlreadyWithdrawn

_log = structlog.get_logger(__name__)

# For how long, and how often, settling is retried while Redis does not answer. After that another
# worker finds out by a query.
_SETTLE_PATIENCE_S = 20.0
_SETTLE_PAUSE_S = 0.5

_CAMPAIGNS = "(campaigns)"
"""The source of a run's jobs; no producer can name itself so."""


class UpdateHandler:
    """Runs update jobs."""

    def __init__(
        self,
        targets: Mapping[str, UpdateTarget],
        ledger: Ledger,
        *,
        retries: RetryPolicy | None = None,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._targets = targets
        self._ledger = ledger
        self._retries = retries or RetryPolicy()
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._clock = clock
        self._sleep = sleep

    def run(
        self,
        job: UpdateJob,
        job_id: str,
        lane: Lane,
        withdrawn: str = "",
        raw: RawMessage | None = None,
    ) -> Decision:
        """Make one attempt at the job, if it is ours to make.

        `withdrawn`: why the job is not wanted any more. It then ends as Withdrawn, unless it was
        sent: what became of that is found out as usual, and it is not sent again.
        """
        try:
            if job.account not in self._targets:
                return self._refuse(job, job_id, lane)
            claim = self._ledger.claim(job, job_id, lane, raw)
        except Unavailable as exc:
            return requeue(exc, self._clock())
        match claim:
            case Claimed():
                return self._guarded(job, claim, lane, withdrawn)
            case AlreadyEnded(None, how, ended_at):
                return failed(ResultExpired(job_id, how, ended_at))
            case AlreadyEnded(outcome):
                return Done(outcome or {})
            case NotNow(reason):
                return Skip(reason)
            case KeyConflict():
                return failed(IdempotencyConflict(job.account, job.idempotency_key or "", job_id))

    def _refuse(self, job: UpdateJob, job_id: str, lane: Lane) -> Decision:
        error = unknown_account(job.account, self._targets)
        refused = failed(error)
        self._ledger.bury(job, job_id, lane, refused.outcome, type(error).__name__)
        return refused

    def _guarded(self, job: UpdateJob, claimed: Claimed, lane: Lane, withdrawn: str) -> Decision:
        try:
            if withdrawn and not claimed.sent:
                return self._settle(claimed.lease, _failure(job, Withdrawn(withdrawn), None))
            if self._is_abandoned(claimed):
                error = Abandoned(claimed.crashes)
                return self._settle(claimed.lease, _failure(job, error, claimed.sent))
            return self._attempt(job, claimed, lane, withdrawn)
        except LeaseLost:
            return Skip("the lease was lost")
        except Unavailable as exc:
            # The ledger does not answer: the lease runs out, and then the job is delivered again.
            return Skip(str(exc))

    def _is_abandoned(self, claimed: Claimed) -> bool:
        """Whether the job has killed too many workers; one that was sent gets a look-up first."""
        return claimed.crashes >= self._retries.max_crashes and (
            claimed.sent is None or claimed.lookups > 0
        )

    def _attempt(self, job: UpdateJob, claimed: Claimed, lane: Lane, withdrawn: str) -> Decision:
        source = job.source or (_CAMPAIGNS if job.campaign else "")
        call = Call(job.account, lane, Purpose.UPDATE, claimed.lease.job_id, source)
        target = self._targets[job.account]
        if withdrawn:
            target = replace(target, send_check=AlreadyWithdrawn(withdrawn))
        attempt = Attempt(
            job, claimed, call=call, target=target, ledger=self._ledger, clock=self._clock
        )
        try:
            ending = attempt.run()
        except LeaseLost:
            raise
        except ReadTooEarly as exc:
            return self._defer(job, claimed, exc, attempt)
        except (Throttled, QuotaExhausted, Unauthorised) as exc:
            # The account's fault, not the job's: it waits in its queue and loses no attempt.
            self._ledger.requeue(claimed.lease, unknown=bool(attempt.sent))
            return requeue(exc, self._clock())
        except (Retryable, OutcomeUnknown) as exc:
            return self._retry(job, claimed, exc, attempt)
        except RevioError as exc:
            if attempt.sent:
                # The look-up was refused, which says nothing of the update.
                return self._retry(job, claimed, exc, attempt)
            ending = _failure(job, exc, None)
        except Exception as exc:  # noqa: BLE001
            # A defect of ours says nothing of what the vendor did: the job has not ended by it.
            _log.exception("attempt_failed")
            error = RevioError(f"unexpected {type(exc).__name__}")
            return self._retry(job, claimed, error, attempt)
        return self._settle(claimed.lease, ending)

    def _retry(
        self, job: UpdateJob, claimed: Claimed, exc: RevioError, attempt: Attempt
    ) -> Decision:
        """Back off, or give the job up.

        An update that was sent is given up only after a look-up, and only when look-ups have failed
        for the whole of the deadline: its caller hears nothing sure of it otherwise.
        """
        is_sent = attempt.sent is not None
        delay = self._retries.delay(
            claimed.attempt, claimed.spent_s, self._chance, by_attempts=not is_sent
        )
        if delay is None and (attempt.looked_up or not is_sent):
            return self._settle(claimed.lease, _failure(job, exc, attempt.sent))
        delay = delay or 0.0
        if is_sent:
            # Until then the vendor may still execute it, and a look-up would prove nothing.
            delay = max(delay, self._targets[job.account].execution_s)
        why = f"{type(exc).__name__}: {exc}"
        self._ledger.delay(claimed.lease, delay, unknown=is_sent, why=why)
        _log.info("job_delayed", seconds=round(delay, 1), reason=str(exc), unknown=is_sent)
        return Skip(f"again in {delay:.1f} s: {exc}")

    def _defer(
        self, job: UpdateJob, claimed: Claimed, exc: ReadTooEarly, attempt: Attempt
    ) -> Decision:
        """Defer the job, which costs no attempt; not for ever, if its product keeps changing."""
        is_sent = attempt.sent is not None
        if claimed.deferred_s > self._retries.deadline_s and not is_sent:
            return self._settle(claimed.lease, _failure(job, Unavailable(str(exc)), None))
        self._ledger.defer(claimed.lease, exc.seconds, unknown=is_sent)
        _log.info("job_deferred", seconds=round(exc.seconds, 1), reason=str(exc))
        return Skip(f"again in {exc.seconds:.1f} s: {exc}")

    def _settle(self, lease: Lease, ending: AttemptEnding) -> Decision:
        give_up = self._clock() + _SETTLE_PATIENCE_S
        while True:
            try:
                self._ledger.settle(lease, ending.done.outcome, ending.how, ending.wrote)
            except Unavailable:
                if self._clock() >= give_up:
                    raise
                self._sleep(_SETTLE_PAUSE_S)
            else:
                return ending.done


def _failure(job: UpdateJob, error: RevioError, sent: frozenset[str] | None) -> AttemptEnding:
    """Ends the job with the error, or as OutcomeUnknown if anything may have reached the vendor."""
    return unknown_ending(job, sent) if sent else AttemptEnding(failed(error), type(error).__name__)
