"""What to do about a job that ended with an error, in a line for whoever finds it in Flower."""

from __future__ import annotations

from collections.abc import Mapping

from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from revio_jobs.errors import (
    GuardRail,
    IdempotencyConflict,
    InvalidJob,
    Rejected,
    ResultExpired,
    RevioError,
    Unauthorised,
    Unavailable,
    Unreadable,
    UnsupportedChange,
    Withdrawn,
)
from tasks.alerts import alert_of

_ADVICE: Mapping[type[RevioError], str] = {
    InvalidJob: "its producer corrects what the error names",
    Rejected: "its producer corrects the data and submits a new job under a new key",
    Unreadable: "correct the product in Rev.io: the error names its ID and the field",
    UnsupportedChange: "change it in Rev.io by hand; revio doctor shows the schema",
    IdempotencyConflict: "find out which of the two changes under this key is meant",
    Unauthorised: "correct the account's login, key or address, restart the workers, then "
    "revio lane resume",
    GuardRail: "plan the row again, with an override that names its reason",
    Withdrawn: "nothing: a campaign sends the row again when it resumes; submit again what was "
    "revoked by mistake",
    ResultExpired: "nothing: it is never executed again",
}
"""Advice by error class; an error that needs an operator has its advice in `tasks.alerts`."""


_ADVICE_ON_QUERY: Mapping[type[RevioError], str] = {
    Unavailable: "submit it again; revio limits shows whether the vendor still fails",
}
"""Where a query, which nobody can retry for its caller, needs another advice than an update."""


def advice_on(error: RevioError, task: str = UPDATE_TASK) -> str:
    """One line for the end of such a task; "" for an error of a newer release."""
    alert = alert_of(error)
    if task == QUERY_TASK and (fix := _ADVICE_ON_QUERY.get(type(error))):
        return f"What to do: {fix}"
    fix = alert.fix if alert else _ADVICE.get(type(error), "")
    return f"What to do: {fix}" if fix else ""
