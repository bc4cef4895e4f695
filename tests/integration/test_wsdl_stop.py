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
    [stopped] = [log for log in logs if log["event"] == "updates_stopped"]
    assert (stopped["log_level"], stopped["account"]) == ("error", "a")
    assert "revio lane resume" in stopped["fix"]
