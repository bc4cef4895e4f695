"""The worker's app, whose start meets a defect after it has connected."""

from __future__ import annotations

from worker.celery import app
from worker.celery_app.revocations import Revocations

__all__ = ["app"]


def _read(_: Revocations) -> None:
    raise ValueError("I/O operation on closed file.")


Revocations.read = _read  # type: ignore[method-assign]
