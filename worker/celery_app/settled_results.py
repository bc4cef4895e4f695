"""Results that leave for Redis together with the settlement of their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery, current_task


def store_with_settlement(app: Celery, key: str, text: str, outcome: Mapping[str, Any]) -> None:
    """Called just before the ledger records `outcome`, as `text` under `key`.

    Only for a success that nothing follows: a failure has its own callbacks, and the result of
    a step of a canvas lists the tasks that Celery sends after the task has returned.
    """
    task = current_task
    if not task or "ok" not in outcome:
        return
    request = task.request
    if request.ignore_result or request.callbacks or request.chain or request.chord:
        return
    app.backend.store_with_settlement(key, text, outcome["ok"], request)
