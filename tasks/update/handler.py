"""The update job: changes one customer product once, and says truly how that ended."""

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
    Unavailable,
    Withdrawn,
)
from tasks.decision import Decision, Done, RetryPolicy, Skip, failed, requeue, unknown_account
from tasks.ports import (
    AlreadyEnded,
    Call,
    Claimed,
    KeyTaken,
    Lease,
    LeaseLost,
    Ledger,
    NotNow,
    Purpose,
)
from tasks.update.attempt import Attempt, Ending, TooSoon, UpdateTarget, unknown_ending
from tasks.update.send_check import AlreadyWithdrawn

_log = structlog.get_logger(__name__)

# An outcome that Redis cannot take is offered again for so long; after that a query will tell.
_SETTLE_PATIENCE_S = 20.0
_SETTLE_PAUSE_S = 0.5


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

    def run(self, job: UpdateJob, job_id: str, lane: Lane, withdrawn: str = "") -> Decision:
        """One attempt at the job, if it is ours to make.

        `withdrawn`: why nobody wants it any more. It then ends as Withdrawn, unless it was sent:
        what became of that is found out as ever, and it is not sent again.
        """
        try:
            if job.account not in self._targets:
                return self._refuse(job, job_id, lane)
            claim = self._ledger.claim(job, job_id, lane)
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
            case KeyTaken():
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
            if claimed.crashes >= self._retries.max_crashes:
                error = Abandoned(claimed.crashes)
                return self._settle(claimed.lease, _failure(job, error, claimed.sent))
            return self._attempt(job, claimed, lane, withdrawn)
        except LeaseLost:
            return Skip("the lease was lost")
        except Unavailable as exc:
            # The ledger is silent: the lease runs out, and then the job comes again.
            return Skip(str(exc))

    def _attempt(self, job: UpdateJob, claimed: Claimed, lane: Lane, withdrawn: str) -> Decision:
        call = Call(job.account, lane, Purpose.UPDATE, claimed.lease.job_id)
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
        except TooSoon as exc:
            return self._look_later(job, claimed, exc)
        except (Throttled, QuotaExhausted) as exc:
            self._ledger.put_back(claimed.lease, unknown=bool(attempt.sent))
            return requeue(exc, self._clock())
        except (Retryable, OutcomeUnknown) as exc:
            return self._later(job, claimed, exc, attempt.sent)
        except RevioError as exc:
            ending = _failure(job, exc, attempt.sent)
        except Exception as exc:  # noqa: BLE001
            # A fault of our own says nothing of what the vendor did: the job is not over by it.
            _log.exception("attempt_failed")
            error = RevioError(f"unexpected {type(exc).__name__}")
            return self._later(job, claimed, error, attempt.sent)
        return self._settle(claimed.lease, ending)

    def _later(
        self,
        job: UpdateJob,
        claimed: Claimed,
        exc: RevioError,
        sent: frozenset[str] | None,
    ) -> Decision:
        age = self._clock() - claimed.accepted_at
        delay = self._retries.delay(claimed.attempt, age, self._chance)
        if delay is None:
            return self._settle(claimed.lease, _failure(job, exc, sent))
        if sent:
            # Until then the vendor may still execute it, and a query would prove nothing.
            delay = max(delay, self._targets[job.account].execution_s)
        why = f"{type(exc).__name__}: {exc}"
        self._ledger.delay(claimed.lease, delay, unknown=bool(sent), why=why)
        _log.info("job_delayed", seconds=round(delay, 1), reason=str(exc), unknown=bool(sent))
        return Skip(f"again in {delay:.1f} s: {exc}")

    def _look_later(self, job: UpdateJob, claimed: Claimed, exc: TooSoon) -> Decision:
        """It costs no attempt; but it must end, even if the product is changed again and again."""
        now = self._clock()
        if now - (claimed.deferred_since or now) > self._retries.deadline_s:
            return self._settle(claimed.lease, _failure(job, Unavailable(str(exc)), None))
        self._ledger.defer(claimed.lease, exc.seconds)
        _log.info("job_deferred", seconds=round(exc.seconds, 1), reason=str(exc))
        return Skip(f"again in {exc.seconds:.1f} s: {exc}")

    def _settle(self, lease: Lease, ending: Ending) -> Decision:
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


def _failure(job: UpdateJob, error: RevioError, sent: frozenset[str] | None) -> Ending:
    """An error tells how the job ended only if nothing is on its way to the vendor."""
    return unknown_ending(job, sent) if sent else Ending(failed(error), type(error).__name__)
