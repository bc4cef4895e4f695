"""Logging: one event a line, JSON for machines, readable on a terminal."""

from __future__ import annotations

import logging
import sys
from logging.handlers import WatchedFileHandler
from typing import Any, Literal

import structlog
from redis.exceptions import RedisError

from revio_jobs.errors import RevioError
from worker.celery_app.log_dedup import LogDedup
from worker.celery_app.tracing import add_trace_ids

# These write whole requests, passwords included, at DEBUG.
_TELLTALES = ("zeep", "urllib3", "requests", "http.client")
# What these say below that level, our own events say better.
_TALKATIVE = {
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.ERROR,
    "kombu": logging.WARNING,
}


# These say the same again every second or two, until a trouble is over.
_REPEATING = (
    "worker.redis_kit.refusal_log",
    "worker.celery_app.consumer",
    "worker.celery_app.feeder_thread",
    "worker.celery_app.lifecycle",
    "celery.worker.consumer.consumer",
)

_NO_FIELDS = {"event", "exc_info", "level", "logger", "timestamp"}

# What Celery warns of, with a traceback, when Redis does not take a job's result.
_OUTSIDE = "RuntimeWarning: Exception raised outside body"


def configure_logs(
    level: str, form: Literal["auto", "json", "console"], logfile: str | None = None
) -> None:
    """Send our events and everybody's log records through one formatter to standard error."""
    on_terminal = sys.stderr.isatty() and not logfile if form == "auto" else form == "console"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, _for_handlers],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    renderer: list[structlog.typing.Processor] = (
        # Without the local variables of a traceback, among which may be requests and keys.
        [
            structlog.dev.ConsoleRenderer(
                colors=on_terminal, exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if on_terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = _handler(logfile)
    dedup = LogDedup()
    handler.addFilter(dedup)
    for name in _REPEATING:
        # An error tracker sees what the logger lets through, whatever the handler does.
        logging.getLogger(name).filters[:] = [dedup]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _brief,
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TELLTALES:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _for_handlers(
    logger: logging.Logger, method: str, event: structlog.typing.EventDict
) -> tuple[tuple[structlog.typing.EventDict], dict[str, Any]]:
    """The event for the formatter, and for other handlers what they look for in a record.

    An error tracker groups by the message, which is the event's name, or by the error, if a defect
    of ours was raised. The fields are beside them.
    """
    titled = _Titled(event)
    args, options = structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, method, titled)
    fields = {name: str(event[name]) for name in event.keys() - _NO_FIELDS}
    return args, {
        "extra": {**options["extra"], "revio": fields},
        "exc_info": event.get("exc_info"),
    }


class _Titled(dict[str, Any]):
    """An event, which reads as a title: its name, and what to do about it."""

    def __str__(self) -> str:
        return ": ".join(str(self[name]) for name in ("event", "fix") if name in self)


def _handler(logfile: str | None) -> logging.Handler:
    """Reopens a file that is rotated from outside."""
    return WatchedFileHandler(logfile) if logfile else logging.StreamHandler(sys.stderr)


def _brief(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Celery logs a lost connection with all its causes, and a message that it refuses with its
    body, which may hold secrets, and with advice; the first line says enough.

    A task's own unexpected error keeps its traceback, as a defect of ours. One of Redis's is none,
    nor is an end of a job: its error is passed on for error trackers, which group by it.
    """
    text, by_celery = str(event.get("event", "")), str(event.get("logger", ""))
    if by_celery.startswith(("celery.worker", "kombu")) or _OUTSIDE in text:
        event["event"] = text.strip().partition("\n")[0]
        event.pop("exc_info", None)
    if isinstance(_raised(event), RedisError | RevioError):
        event.pop("exc_info", None)
    return event


def _raised(event: structlog.typing.EventDict) -> object:
    match event.get("exc_info"):
        case (_, exception, _):
            return exception
        case other:
            return other
