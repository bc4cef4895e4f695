"""Outcomes of jobs that need a person, and what to do; all others are answers to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from revio_jobs.errors import Abandoned, OutcomeUnknown, RevioError, Unavailable


@dataclass(frozen=True, slots=True)
class Alert:
    """A log event of level error."""

    event: str
    """Its constant name, by which it is grouped."""
    fix: str
    """What to do about it."""


ALERTS: Mapping[type[RevioError], Alert] = {
    OutcomeUnknown: Alert(
        "outcome_unknown",
        "look the product up at Rev.io; then revio dead retry --even-unknown, or discard",
    ),
    Abandoned: Alert(
        "job_abandoned",
        "workers have died of this job: look at their logs; revio dead show has its history",
    ),
    Unavailable: Alert(
        "job_unavailable",
        "the vendor failed at every attempt: ask Rev.io; then revio dead retry --error Unavailable",
    ),
}
"""Alerts by the job's error. A refused account (Unauthorised) is reported once for all its
jobs, as `account_closed`."""


def alert_of(error: BaseException) -> Alert | None:
    """What to log at error level of a job that ends with this error; None if nobody is needed."""
    return next((alert for kind, alert in ALERTS.items() if isinstance(error, kind)), None)
