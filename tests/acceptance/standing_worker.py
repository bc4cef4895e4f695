"""The worker's app, whose loop stands still once it hears of it, and is found out within seconds.

celery -A tests.acceptance.standing_worker worker …
celery -A worker control stand_still
"""

from __future__ import annotations

import time
from typing import Any

from celery.worker.control import control_command

from worker.celery import app
from worker.celery_app import lane_control

__all__ = ["app"]

lane_control._STANDS_STILL_UPDATES = 3
FOR_EVER_S = 10_000


@control_command()  # type: ignore[untyped-decorator] # Celery is untyped
def stand_still(_: Any) -> None:
    """Hangs as a read does from a connection that nothing comes on."""
    time.sleep(FOR_EVER_S)
