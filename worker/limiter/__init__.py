"""The account's call limits, shared by all processes and hosts."""

from worker.limiter.call_minutes import CallMinute, CallMinutes
from worker.limiter.day_ends import DayEnds, day_disagreement
from worker.limiter.day_resets import reset_hour
from worker.limiter.lane_closure import LaneClosure, LaneClosures
from worker.limiter.lane_pauses import LanePauses, Pause
from worker.limiter.memory_limiter import MemoryLimiter
from worker.limiter.permits import WaitingPermits
from worker.limiter.port import Bound, Granted, HealthChange, Limiter, Refused, Usage
from worker.limiter.redis_limiter import RedisLimiter
from worker.limiter.rules import LimitRules

__all__ = [
    "Bound",
    "CallMinute",
    "CallMinutes",
    "DayEnds",
    "Granted",
    "HealthChange",
    "LaneClosure",
    "LaneClosures",
    "LanePauses",
    "LimitRules",
    "Limiter",
    "MemoryLimiter",
    "Pause",
    "RedisLimiter",
    "Refused",
    "Usage",
    "WaitingPermits",
    "day_disagreement",
    "reset_hour",
]
