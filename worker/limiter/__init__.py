"""The account's call limits, shared by all processes and hosts."""

from worker.limiter.lane_pauses import Gates, Hold
from worker.limiter.memory_limiter import MemoryLimiter
from worker.limiter.permits import WaitingPermits
from worker.limiter.port import Bound, Granted, Limiter, Refused, Usage
from worker.limiter.redis_limiter import RedisLimiter
from worker.limiter.rules import LimitRules

__all__ = [
    "Bound",
    "Gates",
    "Granted",
    "Hold",
    "LimitRules",
    "Limiter",
    "MemoryLimiter",
    "RedisLimiter",
    "Refused",
    "Usage",
    "WaitingPermits",
]
