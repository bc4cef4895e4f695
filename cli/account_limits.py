"""One account's limits at one moment: what is used and left, and what waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from redis import Redis
from rich.console import RenderableType
from rich.table import Table

from campaigns.plan.forecast import BulkBudget
from cli.tables import span, table, when
from revio_jobs import Lane
from revio_jobs.broker import queue_keys
from revio_jobs.contracts import queue_name
from tasks.ports import Purpose
from worker.limiter import LaneClosure, LanePauses, Limiter, LimitRules, Pause, Usage


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What `revio limits` shows of an account."""

    account: str
    rules: LimitRules
    usage: Usage
    queued: Mapping[Lane, int]
    """Jobs in the queue."""
    pauses: Mapping[Lane, Pause | None]
    """Lanes that an operator has paused."""

    @classmethod
    def read(cls, redis: Redis, limiter: Limiter, account: str, rules: LimitRules) -> Self:
        """Raises Unavailable or RedisError."""
        pauses = LanePauses(redis)
        return cls(
            account,
            rules,
            limiter.usage(account),
            {lane: _queued(redis, account, lane) for lane in Lane},
            {lane: pauses.get(account, lane) for lane in Lane},
        )

    @property
    def left(self) -> dict[str, int]:
        """Calls that each lane may make now, by window."""
        usage, rules = self.usage, self.rules
        return {
            f"{window}_left_{lane.value}": max(limit - used, 0)
            for lane in Lane
            for window, limit, used in (
                ("minute", self.ceiling(lane), usage.minute_used),
                ("day", rules.day_limit(lane), usage.day_used),
            )
        }

    def ceiling(self, lane: Lane) -> int:
        """What the lane's calls may bring the minute's count to now."""
        usage = self.usage
        if lane is Lane.INTERACTIVE:
            return usage.interactive_ceiling
        return usage.minute_ceiling - usage.bulk_headroom

    def runs_at(
        self, lane: Lane, ahead: int, closure: LaneClosure | None, now: float
    ) -> float | None:
        """When a job of the lane will probably run, with so many ahead of it; Unix time, seconds.

        Assumes one call per job, at the lane's pace of the last minute, or at the pace that it
        might have. None if an operator has paused the lane, so nobody can tell.
        """
        if closure and closure.pause:
            return None
        usage = self.usage
        per_minute = usage.lanes_minute[lane.value] or max(self.ceiling(lane), 1)
        starts = max(now, closure.opens_at or now) if closure else now
        if ahead >= self.left[f"day_left_{lane.value}"]:
            starts = max(starts, usage.day_resets_at)
        return starts + ahead * 60 / per_minute

    def bulk_budget(self, ids_per_call: int) -> BulkBudget:
        """What bulk work may call, as of now."""
        usage, rules = self.usage, self.rules
        per_day = rules.day_limit(Lane.BULK)
        return BulkBudget(
            per_minute=max(usage.minute_ceiling - rules.min_reserve, 0),
            per_day=per_day,
            left_today=max(per_day - usage.day_used, 0),
            day_resets_at=usage.day_resets_at,
            now=time.time(),
            last_minute=usage.minute_used,
            ids_per_call=ids_per_call,
        )

    def document(self) -> dict[str, Any]:
        """JSON values."""
        paused = {
            lane.value: {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()}
            for lane, pause in self.pauses.items()
            if pause
        }
        queued = {lane.value: count for lane, count in self.queued.items()}
        return asdict(self.usage) | self.left | {"queued": queued, "lanes_paused": paused}

    def tables(self) -> Iterator[RenderableType]:
        """For people."""
        yield self._windows()
        yield self._lanes()
        yield self._purposes()
        if self.usage.sources_today:
            yield table("submitted by", "calls today", rows=self.usage.sources_today.items())

    def _windows(self) -> Table:
        usage, left = self.usage, self.left
        resets = datetime.fromtimestamp(usage.day_resets_at, UTC)
        minute = ("any 60 seconds", usage.minute_used, usage.minute_limit)
        day = ("day", usage.day_used, usage.day_limit)
        return table(
            "window",
            "used",
            "limit",
            "left",
            "left for bulk",
            "resets",
            rows=[
                (*minute, left["minute_left_interactive"], left["minute_left_bulk"], "always"),
                (*day, left["day_left_interactive"], left["day_left_bulk"], when(resets)),
            ],
            title=f"account {self.account}: {self.state}",
        )

    @property
    def state(self) -> str:
        """Whether calls may go out, in words."""
        usage, rules = self.usage, self.rules
        if usage.closed_at is not None:
            since = when(datetime.fromtimestamp(usage.closed_at, UTC))
            return f"closed since {since}; the vendor refuses the account: {usage.closed_reason}"
        if usage.paused_for_s:
            return f"paused for {span(usage.paused_for_s)}: {usage.pause_reason}"
        if 0 < rules.breaker_faults <= usage.faults_in_a_row:
            return (
                f"the vendor failed {usage.faults_in_a_row} times in a row; one call is tried "
                f"in {span(usage.breaker_rests_for_s)}"
            )
        if usage.minute_ceiling < usage.minute_limit:
            return f"calls may go out, {usage.minute_ceiling} a minute and soon more"
        return "calls may go out"

    def _lanes(self) -> Table:
        return table(
            "lane",
            "queued",
            "last minute",
            "wait for a call",
            "state",
            rows=(
                (
                    lane.value,
                    self.queued[lane],
                    self.usage.lanes_minute[lane.value],
                    f"{self.usage.waits_s.get(lane.value, 0.0):.1f} s",
                    _lane_state(self.pauses[lane]),
                )
                for lane in Lane
            ),
        )

    def _purposes(self) -> Table:
        usage = self.usage
        return table(
            "calls for",
            "last minute",
            "today",
            rows=((e.value, usage.purposes_minute[e], usage.purposes_today[e]) for e in Purpose),
        )


def _queued(redis: Redis, account: str, lane: Lane) -> int:
    return sum(int(redis.llen(key)) for key in queue_keys(queue_name(account, lane)))


def _lane_state(pause: Pause | None) -> str:
    return (
        f"paused by {pause.by} since {when(pause.since)}: {pause.reason}" if pause else "not paused"
    )
