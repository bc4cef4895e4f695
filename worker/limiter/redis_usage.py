"""One account's calls as Redis has counted them."""

from __future__ import annotations

from redis import Redis

from revio_jobs.contracts import Lane
from tasks.ports import Purpose
from worker.limiter.charge import CallKeys, count_tokens, counts_by_source
from worker.limiter.port import Usage
from worker.limiter.redis_clock import MICRO
from worker.limiter.rules import LimitRules

_MINUTE_US = 60 * MICRO


def read_usage(redis: Redis, account: str, rules: LimitRules, now: int) -> Usage:
    """`now`: microseconds, by the clock that the limits follow. Raises RedisError."""
    keys = CallKeys(account)
    start, end, _ = rules.resets_around(float(redis.time()[0]))
    with redis.pipeline() as pipeline:
        pipeline.zrangebyscore(keys.arrivals, f"({now - _MINUTE_US}", "+inf")
        pipeline.hgetall(keys.day(start))
        pipeline.hgetall(keys.state)
        arrivals, day, raw = pipeline.execute()
    state = {name.decode(): value.decode() for name, value in raw.items()}
    counts = {name.decode(): int(count) for name, count in day.items()}
    paused, rests = (
        max(int(state.get(name, 0)) - now, 0) for name in ("paused_until", "rests_until")
    )
    tokens = [entry.decode().partition(":")[2] for entry in arrivals]
    purposes, lanes = count_tokens(tokens)
    ramp_from = int(state.get("ramp_from", 0))
    limit = rules.limit_at(
        now,
        ramp_from=ramp_from,
        ceiling=int(state["ceiling"]) if "ceiling" in state else None,
        ceiling_at=int(state.get("ceiling_at", 0)),
    )
    return Usage(
        minute_used=len(tokens),
        minute_limit=rules.calls_per_minute,
        minute_ceiling=limit,
        interactive_ceiling=max(
            limit,
            rules.post_pause_ceiling_at(now, ramp_from=ramp_from, count=int(state.get("level", 0))),
        ),
        day_used=counts.get("calls", 0),
        day_limit=rules.calls_per_day,
        day_resets_at=end,
        paused_for_s=paused / MICRO,
        pause_reason=state.get("pause_reason", "") if paused else "",
        faults_in_a_row=int(state.get("faults", 0)),
        breaker_rests_for_s=rests / MICRO,
        closed_reason=state.get("closed_reason", ""),
        closed_at=int(state["closed_at"]) / MICRO if "closed_at" in state else None,
        bulk_headroom=rules.headroom_at(
            now,
            limit=limit,
            delayed=int(state.get("missed", 0)),
            delayed_at=int(state.get("missed_at", 0)),
        ),
        purposes_today={purpose.value: counts.get(purpose.value, 0) for purpose in Purpose},
        sources_today=counts_by_source(counts),
        purposes_minute=purposes,
        lanes_minute=lanes,
        waits_s={
            lane.value: max(int(state.get(f"turn:{lane.value}", 0)) - now, 0) / MICRO
            for lane in Lane
        },
    )
