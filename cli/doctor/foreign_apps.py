"""Other Celery apps that use the same database."""

from __future__ import annotations

from collections.abc import Iterator

from redis import Redis

from cli.doctor.check_result import CheckResult, fine
from revio_jobs.broker import CONTROL_EXCHANGE, EVENT_EXCHANGE
from revio_jobs.contracts import parse_queue_name
from worker.redis_kit.scan import scan_keys

_BINDING = "_kombu.binding."
"""Before the name of each exchange that kombu has declared; a queue's own is named as the queue."""
_OURS = {EVENT_EXCHANGE, f"{CONTROL_EXCHANGE}.pidbox", f"reply.{CONTROL_EXCHANGE}.pidbox"}
_SHOWN = 5


def check_foreign_apps(redis: Redis) -> Iterator[CheckResult]:
    """What shows that there are some. Raises RedisError."""
    names = {
        key.removeprefix(_BINDING) for key in scan_keys(redis, f"{_BINDING}*", at_once=1000)
    } - _OURS
    if foreign := sorted(name for name in names if parse_queue_name(name) is None):
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        yield fine(
            "other Celery apps",
            f"some use this database, by the names {', '.join(foreign[:_SHOWN])}{more}; they and "
            "we share its memory, and nothing else",
        )
