"""Where Celery keeps results: in Redis, without the tracebacks of errors that are outcomes."""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend

from revio_jobs.errors import RevioError


class OutcomeBackend(RedisBackend):  # type: ignore[misc] # Celery is untyped
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
        super().mark_as_failure(task_id, exc, told, *args, **kwargs)
