"""When to try again, and when to give up: a pure decision."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential with full jitter, a cap, and two ends: attempts and age.

    Full jitter as in Brooker, "Exponential Backoff And Jitter" (2015): uniform between 0 and the
    exponential bound, so that those that failed together do not come back together.
    """

    first_s: float = 1.0
    cap_s: float = 300.0
    max_attempts: int = 10
    max_crashes: int = 8
    """A job that so many workers in a row have died of is given to no other."""
    deadline_s: float = 3600.0
    """No attempt starts later than this after the job was accepted."""

    def delay(self, attempt: int, age_s: float, chance: random.Random) -> float | None:
        """Seconds until the next attempt after `attempt` (1 for the first); None: give up."""
        bound = min(self.cap_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        delay = chance.uniform(0.0, bound)
        if attempt >= self.max_attempts or age_s + delay > self.deadline_s:
            return None
        return delay
