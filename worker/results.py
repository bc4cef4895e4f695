"""Where Celery keeps results: in Redis, without the tracebacks of errors that are outcomes."""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend, SentinelBackend

from revio_jobs.errors import RevioError


class _TellsOutcomes:
    """A job's own error says all there is to say; where we raised it helps nobody."""

    def mark_as_failure(
        self,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """As Celery's."""
        told = None if isinstance(exc, RevioError) else traceback
        super().mark_as_failure(task_id, exc, told, *args, **kwargs)  # type: ignore[misc] # a mixin


class OutcomeBackend(_TellsOutcomes, RedisBackend):  # type: ignore[misc] # Celery is untyped
    """On one Redis."""


class SentinelOutcomeBackend(_TellsOutcomes, SentinelBackend):  # type: ignore[misc] # as above
    """On the master that sentinels watch."""


def backend_url(redis_url: str) -> str:
    """Celery's setting for the backend that suits the Redis."""
    kind = SentinelOutcomeBackend if redis_url.startswith("sentinel://") else OutcomeBackend
    return f"{__name__}:{kind.__name__}+{redis_url}"
