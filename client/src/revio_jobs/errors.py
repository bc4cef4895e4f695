"""One tree of errors that answers: what should be done now?

Every argument goes to `Exception.args` and is a JSON value, so that each error arrives with its
fields through Celery's JSON backend and through pickle.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


class RevioError(Exception):
    """The base of all errors of a job."""


class Retryable(RevioError):
    """Nothing was changed; the same call may be made again later."""


class Throttled(Retryable):
    """Calls must pause. It costs the job no attempt."""

    def __init__(self, retry_after: float, bound: str = "vendor") -> None:
        super().__init__(retry_after, bound)
        self.retry_after = retry_after
        """Seconds."""
        self.bound = bound
        """What refused: `minute`, `pace`, `turn` (an earlier call goes first), `pause`, `breaker`
        are limits of ours; `vendor` is a 429, `outage` a server error that says for how long, and
        `wsdl` a changed schema that stops updates."""

    def __str__(self) -> str:
        return f"no call for {self.retry_after:.0f} s ({self.bound})"


class QuotaExhausted(Retryable):
    """The day's calls are spent. It costs the job no attempt."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until
        """Unix time, seconds."""

    def __str__(self) -> str:
        return f"the day's quota of calls is spent until {_utc(self.until)}"


class Unavailable(Retryable):
    """The vendor or Redis could not be reached, or did not answer; nothing was executed."""


class ResultUnavailable(Unavailable):
    """Redis could not be reached for a minute while a result was waited for.

    It says nothing about the job, which may go on or have ended: wait for its result again.
    """


class Permanent(RevioError):
    """The same call would fail again."""


class InvalidJob(Permanent):
    """The job breaks the contract; nothing was sent."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems
        """One line a fault: the field, the value and what is allowed."""

    def __str__(self) -> str:
        return "; ".join(self.problems)


class Rejected(Permanent):
    """The vendor refused the request."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        """The vendor's Error_Code; None when it gave none."""
        self.message = message

    def __str__(self) -> str:
        return f"the vendor refused ({self.code or 'no code'}): {self.message}"


class Unreadable(Permanent):
    """The vendor's record of a product cannot be read; nothing was sent. Fix it in Rev.io."""

    def __init__(self, products: list[dict[str, Any]]) -> None:
        super().__init__(products)
        self.products = products
        """Each as the fields of an UnreadableProduct."""

    def __str__(self) -> str:
        return "; ".join(map(_unreadable_in_words, self.products))


class Unauthorised(Permanent):
    """The account's login, key, address or certificate is refused, until somebody corrects it.

    Interactive queries end so; other jobs wait.
    """


class IdempotencyConflict(Permanent):
    """The key belongs to another job with another payload; nothing was enqueued."""

    def __init__(self, account: str, idempotency_key: str, job_id: str) -> None:
        super().__init__(account, idempotency_key, job_id)
        self.account = account
        self.idempotency_key = idempotency_key
        self.job_id = job_id
        """The job that has the key."""

    def __str__(self) -> str:
        return (
            f"idempotency key {self.idempotency_key!r} of account {self.account!r} "
            f"belongs to job {self.job_id} with another payload"
        )


class UnsupportedChange(Permanent):
    """The vendor's schema cannot express the change without touching other fields."""


class GuardRail(Permanent):
    """A guard rail stopped a campaign's row; nothing was sent."""

    def __init__(self, rails: list[str], says: str) -> None:
        super().__init__(rails, says)
        self.rails = rails
        """Names of the rails."""
        self.says = says

    def __str__(self) -> str:
        return f"stopped by a guard rail: {self.says}"


class Withdrawn(Permanent):
    """It was revoked, or its campaign stopped, before the job was sent; nothing was sent."""


class Abandoned(Permanent):
    """Every worker that took the job ended before it could say anything; nothing was sent."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.workers = workers

    def __str__(self) -> str:
        return f"{self.workers} workers in a row took the job and were never heard of again"


class ResultExpired(Permanent):
    """The job ended so long ago that only the fact is remembered; it is never executed again."""

    def __init__(self, job_id: str, outcome: str, settled_at: float) -> None:
        super().__init__(job_id, outcome, settled_at)
        self.job_id = job_id
        self.outcome = outcome
        self.settled_at = settled_at
        """Unix time, seconds."""

    def __str__(self) -> str:
        return (
            f"job {self.job_id} ended as {self.outcome} at {_utc(self.settled_at)}; "
            "its result has expired"
        )


class Forgotten(Permanent):
    """Redis knows nothing of the job: it ended too long ago, was lost, or never was."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        why = "it ended too long ago, was lost, or never was"
        return f"Redis knows nothing of job {self.job_id}: {why}"


class OutcomeUnknown(RevioError):
    """An update was sent and nothing proves what became of it. A person must look."""


def revive(name: str, args: list[object]) -> RevioError:
    """The error of that class name with those arguments, as they were stored in the ledger.

    One that only a newer release knows comes as a RevioError with its name and arguments.
    """
    kinds = {kind.__name__: kind for kind in _descendants(RevioError)}
    try:
        return kinds[name](*args)
    except (KeyError, TypeError):
        return RevioError(name, *args)


def _unreadable_in_words(product: dict[str, Any]) -> str:
    names = ("customer_product_id", "customer_id", "line_id")
    ids = (f"{name} {product[name]}" for name in names if product.get(name) is not None)
    whose = next(ids, "a product")
    return f"the record of {whose} cannot be read: {product.get('problem') or 'no reason given'}"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _descendants(kind: type[RevioError]) -> list[type[RevioError]]:
    return [
        kind,
        *(error for child in kind.__subclasses__() for error in _descendants(child)),
    ]
