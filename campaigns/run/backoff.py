"""When to try again what has failed."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_S = 1.0
_LONGEST_S = 60.0


class Backoff:
    """Waits twice as long after each failure, up to a minute, also when the clock is set back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: Unix time, seconds."""
        self._clock = clock
        self._next_s = _FIRST_S
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it may be tried now."""
        return not 0 < self._until - self._clock() <= _LONGEST_S

    def fail(self, seconds: float | None = None) -> None:
        """It has failed. `seconds`: how long to wait at least, if that is known."""
        self._next_s, backoff_s = min(self._next_s * 2, _LONGEST_S), self._next_s
        if seconds is not None:
            backoff_s = max(seconds, 0.0)
        # Limits may be raised in the meantime, so even a long wait is checked now and then.
        self._until = self._clock() + min(backoff_s, _LONGEST_S)

    def reset(self) -> None:
        """It has succeeded."""
        self._next_s = _FIRST_S
