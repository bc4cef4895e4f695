"""The error tree. It is defined in the client's library, since callers catch it too."""

from revio_jobs.errors import (
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
)

__all__ = [
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
]
