"""The error tree. It is defined in the client's library, since callers catch it too."""

from revio_jobs.errors import (
    Abandoned,
    GuardRail,
    IdempotencyConflict,
    InvalidJob,
    OutcomeUnknown,
    Permanent,
    QuotaExhausted,
    Rejected,
    ResultExpired,
    Retryable,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
    UnsupportedChange,
    Withdrawn,
)

__all__ = [
    "Abandoned",
    "GuardRail",
    "IdempotencyConflict",
    "InvalidJob",
    "OutcomeUnknown",
    "Permanent",
    "QuotaExhausted",
    "Rejected",
    "ResultExpired",
    "Retryable",
    "RevioError",
    "Throttled",
    "Unauthorised",
    "Unavailable",
    "UnsupportedChange",
    "Withdrawn",
]
