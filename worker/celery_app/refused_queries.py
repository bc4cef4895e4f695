"""Ends interactive queries that wait while the vendor refuses their account.

The account's lanes are closed then and no worker takes their messages, so updates wait in order.
But somebody waits for an interactive query's answer. So these queries are taken out of the queue,
and end as Unauthorised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
import structlog
from celery import Celery
from celery.app.task import Context
from redis import Redis

from revio_jobs.broker import queue_keys
from revio_jobs.contracts import QUERY_TASK, Lane, queue_name
from revio_jobs.errors import Unauthorised
from worker.limiter import Bound, Limiter
from worker.queues.message_body import decode_body
from worker.redis_kit.scripts import fail_closed

_log = structlog.get_logger(__name__)

# Messages at the queue's front that are read per round; a query behind them waits.
_AT_ONCE = 10_000


class RefusedQueries:
    """Every worker of an account's interactive lane does this; a message is ended by one."""

    def __init__(
        self,
        app: Celery,
        redis: Redis,
        limiter: Limiter,
        accounts: Callable[[], Iterable[str]],
    ) -> None:
        """`accounts` returns those that may be refused: whose interactive lane is closed here."""
        self._app = app
        self._redis: Any = redis
        self._limiter = limiter
        self._accounts = accounts

    def end(self) -> int:
        """Returns how many queries have ended. Raises Unavailable."""
        ended = 0
        lanes = [(account, Lane.INTERACTIVE) for account in self._accounts()]
        for (account, _), refused in self._limiter.closed_among(lanes).items():
            if refused.bound is Bound.ACCOUNT:
                ended += self._end(account, Unauthorised(refused.reason))
        return ended

    def _end(self, account: str, error: Unauthorised) -> int:
        ended = 0
        for queue in queue_keys(queue_name(account, Lane.INTERACTIVE)):
            for message, request in self._queries(queue):
                # The result first: after a crash in between the query ends again, instead of never.
                self._app.backend.mark_as_failure(request.id, error, request=request)
                with fail_closed("the queue"):
                    ended += self._redis.lrem(queue, -1, message)
        if ended:
            _log.info("queries_refused", account=account, queries=ended, reason=str(error))
        return ended

    def _queries(self, queue: str) -> list[tuple[bytes, Context]]:
        with fail_closed("the queue"):
            messages = self._redis.lrange(queue, -_AT_ONCE, -1)
        requests = ((message, _request(message)) for message in messages)
        return [(message, request) for message, request in requests if request]


def _request(message: bytes) -> Context | None:
    """A query's request, by which Celery also ends its chord, its chain and its errbacks."""
    if QUERY_TASK.encode() not in message:
        return None
    try:
        decoded = orjson.loads(message)
        headers = decoded["headers"]
        if headers["task"] != QUERY_TASK or not headers["id"]:
            return None
        _, _, embedded = decode_body(decoded)
        return Context(headers | (embedded or {}))
    except (ValueError, KeyError, TypeError):
        return None  # not of Celery's form; the worker will refuse it
