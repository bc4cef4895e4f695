"""For how long waiting goes on while Redis cannot be reached."""

from __future__ import annotations

from redis.exceptions import RedisError

from revio_jobs.errors import ResultUnavailable
from revio_jobs.redis_faults import is_passing

REDIS_PATIENCE_S = 60.0


class RedisPatience:
    """Counts from the first poll that failed, not from the last that was answered.

    What a caller does between two polls may take longer than that, and is not an outage.
    """

    def __init__(self) -> None:
        self._lost_at: float | None = None

    def restore(self) -> None:
        """A poll was answered."""
        self._lost_at = None

    def spend(self, error: RedisError, polled_at: float) -> None:
        """A poll that began at `polled_at` (seconds, monotonic) ended with the error.

        Raises the error if it does not pass by itself, and ResultUnavailable when a minute is over.
        """
        # Redis may be restarting; the jobs and their results outlive that.
        if not is_passing(error):
            raise error
        if self._lost_at is None:
            self._lost_at = polled_at
        if polled_at - self._lost_at > REDIS_PATIENCE_S:
            raise ResultUnavailable(f"Redis cannot be reached: {error}") from error
