"""Which accounts this worker serves."""

from __future__ import annotations

from collections.abc import Mapping

from revio_jobs.errors import InvalidJob


def unknown_account(account: str, known: Mapping[str, object]) -> InvalidJob:
    """The error of a job whose account is not in the settings."""
    return InvalidJob([f"account: {account!r} is not configured; known are {', '.join(known)}"])
