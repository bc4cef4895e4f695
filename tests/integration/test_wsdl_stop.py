"""What a WSDL that has changed for the worse does to the lanes."""

from __future__ import annotations

from datetime import UTC, datetime

from redis import Redis
from structlog.testing import capture_logs

from revio_jobs.contracts import Lane
from worker.limiter import LanePauses, Pause
from worker.wiring.vendor import pause_lanes


def test_both_lanes_stop_with_the_reason_and_an_operators_own_pause_stays(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, capture_logs() as logs:
        pauses = LanePauses(redis)
        pauses.pause("a", Lane.BULK, Pause("month end", "ann", datetime.now(UTC)))
        pause_lanes(pauses, "a", "update Quantity is required")
        interactive, bulk = pauses.get("a", Lane.INTERACTIVE), pauses.get("a", Lane.BULK)

    assert interactive
    assert (interactive.reason, interactive.by) == ("update Quantity is required", "the worker")
    assert bulk
    assert bulk.by == "ann"
    assert bulk.reason == "month end; the worker adds: update Quantity is required"
    [stopped] = [log for log in logs if log["event"] == "updates_stopped"]
    assert (stopped["log_level"], stopped["account"]) == ("error", "a")
    assert "revio lane resume" in stopped["fix"]


def test_of_all_workers_one_says_that_updates_are_stopped(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, capture_logs() as logs:
        pauses = LanePauses(redis)
        for _ in range(3):
            pause_lanes(pauses, "a", "update Quantity is required")
        pause_lanes(pauses, "a", "update Rate is required")
    assert [log["reason"] for log in logs] == [
        "update Quantity is required",
        "update Rate is required",
    ]


def test_lanes_that_an_operator_had_paused_hide_no_reason(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis, capture_logs() as logs:
        pauses = LanePauses(redis)
        for lane in Lane:
            pauses.pause("a", lane, Pause("month end", "ann", datetime.now(UTC)))
        pause_lanes(pauses, "a", "update Quantity is required")
    assert [log["event"] for log in logs] == ["updates_stopped"]
