"""What workers answer to Celery's remote commands."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import signals
from celery.exceptions import WorkerShutdown
from celery.worker import state
from celery.worker.control import Panel

from revio_jobs.celery_app import producer_app
from tests.certificates import make_certificates
from worker.celery_app.control import LaneCommands, mask_stats, stop_as_at_sigterm


@pytest.mark.parametrize(
    "url",
    [
        "rediss://u:hunter2@h/0?ssl_certfile={0}&ssl_password=hunter2",
        (
            "sentinels://u@a;sentinels://b?sentinel_password=hunter2&ssl_certfile={0}"
            "&ssl_password=hunter2"
        ),
    ],
)
def test_stats_show_the_broker_without_its_secrets(url: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with producer_app(url.format(tmp_path / "client.pem")) as app:
        broker = app.connection_for_read().info()
    # As Celery does.
    broker.pop("password")
    controller = SimpleNamespace(stats=lambda: {"pid": 1, "broker": broker})
    mask_stats()
    stats = Panel.data["stats"](SimpleNamespace(consumer=SimpleNamespace(controller=controller)))
    assert stats["pid"] == 1
    assert stats["broker"]["hostname"] == broker["hostname"]
    assert "hunter2" not in str(stats)


def test_shutdown_by_command_is_a_stop_as_by_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    heard: list[int] = []

    def hear(exitcode: int, **_: object) -> None:
        heard.append(exitcode)

    signals.worker_shutting_down.connect(hear)
    stop_as_at_sigterm()
    try:
        Panel.data["shutdown"](None)
    finally:
        signals.worker_shutting_down.disconnect(hear)
    assert heard == [0]
    with pytest.raises(WorkerShutdown):
        state.maybe_shutdown()


@pytest.mark.parametrize("queue", ["revio.default.bluk", "revio.acme.bulk", "celery"])
def test_a_worker_is_not_said_to_be_drained_of_what_is_not_its_lane(queue: str) -> None:
    LaneCommands(["default"], lambda: None)
    for command in ("cancel_consumer", "add_consumer"):
        answer = Panel.data[command](SimpleNamespace(consumer=None), queue)
        assert answer == {"error": f"{queue} is not a lane of default"}
