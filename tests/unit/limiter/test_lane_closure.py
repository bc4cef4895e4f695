from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.business_time import BusinessTime
from revio_jobs.contracts import Lane
from worker.limiter import Bound, LaneClosures, Pause, Refused
from worker.wiring.bulk_lane import CampaignLane

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


class Limits:
    """Implements what closures need of Limiter and of the operators' pauses."""

    def __init__(self, refused: Refused | None = None, pause: Pause | None = None) -> None:
        self._refused, self._pause = refused, pause

    def closed(self, account: str, lane: Lane) -> Refused | None:
        return self._refused

    def get(self, account: str, lane: Lane) -> Pause | None:
        return self._pause

    def usage(self, account: str) -> Any:
        return SimpleNamespace(pause_reason="429 from the gateway")


def words(limits: Limits) -> str | None:
    closures = LaneClosures(limits, limits, clock=lambda: NOON)  # type: ignore[arg-type]
    closure = closures.closed("default", Lane.BULK)
    return str(closure) if closure else None


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        (Bound.PAUSE, "the vendor has asked for a pause (429 from the gateway)"),
        (Bound.BREAKER, "the vendor fails call by call"),
        (Bound.DAY, "the day's calls for bulk jobs are spent"),
        (Bound.MINUTE, "no call is free (minute)"),
    ],
)
def test_each_limit_says_why_and_until_when_the_lane_is_closed(bound: Bound, reason: str) -> None:
    assert words(Limits(Refused(bound, 61))) == f"{reason}: no calls before 2026-06-01 12:01:05 UTC"


def test_a_wait_that_a_worker_sits_out_closes_no_lane() -> None:
    assert words(Limits(Refused(Bound.MINUTE, 3.0))) is None
    assert words(Limits()) is None


def test_an_operators_pause_goes_before_any_limit_and_has_no_end() -> None:
    pause = Pause("month end", "ann", datetime(2026, 6, 1, 9, tzinfo=UTC))
    expected = "the bulk lane is paused by ann since 2026-06-01 09:00:00 UTC: month end"
    assert words(Limits(Refused(Bound.DAY, 600), pause)) == expected


def test_campaigns_tell_a_pauses_hours_in_the_businesss_time_zone() -> None:
    pause = Pause("month end", "ann", datetime(2026, 6, 1, 9, tzinfo=UTC))
    times = {"default": BusinessTime("America/New_York")}

    def lane(limits: Limits) -> CampaignLane:
        closures = LaneClosures(limits, limits, clock=lambda: NOON)  # type: ignore[arg-type]
        return CampaignLane(closures, times)

    since = "2026-06-01 05:00 EDT (09:00 UTC)"
    assert lane(Limits(pause=pause)).pause_reason("default") == (
        f"the bulk lane is paused by ann since {since}: month end"
    )
    assert lane(Limits(Refused(Bound.DAY, 61))).closure_reason("default") == (
        "the day's calls for bulk jobs are spent: no calls before 2026-06-01 08:02 EDT (12:02 UTC)"
    )
