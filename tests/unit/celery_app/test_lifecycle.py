"""What a worker does again and again besides running jobs."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from celery import Celery

from revio_jobs.celery_app import lane_queue
from revio_jobs.contracts import Lane
from settings import Settings
from worker.celery_app.lifecycle import Lifecycle

ACCOUNT = {
    "endpoint": "http://127.0.0.1:8080/v20/default.asmx",
    "username": "jobs",
    "password": "hunter2-hunter2",
    "client_code": "acme",
}


def test_a_worker_that_starts_schedules_each_of_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []

    def note(**thread: Any) -> SimpleNamespace:
        return SimpleNamespace(start=lambda: rounds.append(thread["name"]))

    app = Celery("rounds")
    app.conf.task_queues = [lane_queue("default", lane) for lane in Lane]
    lifecycle = Lifecycle(app, Settings.model_validate({"accounts": {"default": ACCOUNT}}))
    lifecycle._application = MagicMock()
    lifecycle._application.redis.time.return_value = (1, 0)
    monkeypatch.setattr(threading, "Thread", note)
    lifecycle._start(SimpleNamespace(hostname="worker@here"))
    assert sorted(rounds) == [
        *("campaigns", "gates", "hold", "limits", "oversight", "refused", "revocations", "sweep")
    ]


@pytest.mark.parametrize("receiver", ["_start", "_refuse_options", "_name_worker"])
def test_a_start_that_meets_a_defect_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], receiver: str
) -> None:
    """What else a receiver raises, Celery would log, and go on with half a worker."""
    lifecycle = Lifecycle(
        Celery("half"), Settings.model_validate({"accounts": {"default": ACCOUNT}})
    )
    monkeypatch.setattr("sys.argv", ["celery", "-A", "worker", "worker"])
    with pytest.raises(SystemExit):
        getattr(lifecycle, receiver)(sender=None, instance=None, options=None)
    assert "the worker cannot start: " in capsys.readouterr().err
