"""Where Celery keeps results: in Redis, without the tracebacks of errors that are outcomes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from celery import states
from celery.backends.redis import RedisBackend, SentinelBackend
from celery.contrib.abortable import ABORTED
from redis.commands.core import Script
from redis.exceptions import ResponseError

from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from revio_jobs.errors import RevioError
from revio_jobs.heeding_connections import (
    HeedingManaged,
    HeedingManagedTls,
    HeedingTcp,
    HeedingTls,
    heed_silence,
)
from revio_jobs.key_prefix import KeyPrefix
from worker.celery_app.persistent_redis import PersistentRedis
from worker.celery_app.task_adapter import NOT_TERMINATED
from worker.redis_kit.auto_pipeline import AutoPipeline, Escort, shared_redis
from worker.redis_kit.refusal_log import log_refusal
from worker.redis_kit.scripts import load_script

REDIS_URL = "secret_redis_url"
"""Name of the transport option with the settings' URL; Celery masks it where it shows options."""

_REFUSED_PAUSE_S = 1.0
_CLAIM_S = 30
_CLAIM_PAUSE_S = 0.5


class _Outcomes:
    """Stores a job's own error without a traceback, which would help nobody."""

    url: str
    expires: int
    encode: Any
    get_key_for_task: Any
    _get_result_meta: Any
    _set_with_state: Any
    _transport_options: dict[str, Any]
    _settled: tuple[str, Escort] | None = None
    """The task whose result left together with the settlement of its job."""

    def mark_as_failure(
        self,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """As Celery's."""
        shown_traceback = None if isinstance(exc, RevioError) else traceback
        super().mark_as_failure(task_id, exc, shown_traceback, *args, **kwargs)  # type: ignore[misc] # a mixin

    def _store_result(
        self,
        task_id: str,
        result: object,
        state: str,
        traceback: str | None = None,
        request: Any = None,  # noqa: ANN401 - Celery's
        **_: object,
    ) -> object:
        """As Celery's, which first reads whether the task has succeeded before: `_set` knows."""
        if state == ABORTED:
            # The state would take the place of a result, and nothing would be aborted.
            raise NotImplementedError(
                f"abort: {NOT_TERMINATED}; revoke ends one that has not begun"
            )
        if state == states.SUCCESS and self._is_settled(task_id):
            return result
        meta = self._get_result_meta(result, state, traceback, request) | {"task_id": task_id}
        if state == states.STARTED and request is not None:
            # A task begins: the claim of its job follows at once, and takes it along.
            self._redis.send_ahead(self._escort(task_id, meta))
        else:
            self._set_with_state(self.get_key_for_task(task_id), self.encode(meta), state)
        return result

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Nothing, where Celery subscribes to the result for whoever asks for it later.

        A step of a canvas is published from many threads, each with a backend of its own, and each
        subscription would stay open.
        """

    def store_with_settlement(
        self,
        outcome_key: str,
        outcome: str,
        result: object,
        request: Any,  # noqa: ANN401
    ) -> None:
        """Let the success of the request's task leave together with the settlement of its job.

        That is this thread's next script. The result is kept only if the job then has that
        outcome; if it has not, Celery stores the result afterwards as it does any other.
        """
        meta = self._get_result_meta(result, states.SUCCESS, None, request)
        meta |= {"task_id": request.id}
        escort = self._escort(request.id, meta, outcome_key, outcome)
        self._redis.send_behind(escort)
        self._settled = (request.id, escort)

    def _is_settled(self, task_id: str) -> bool:
        settled, self._settled = self._settled, None
        return settled is not None and settled[0] == task_id and settled[1].answer == 1

    def _escort(self, task_id: str, meta: Mapping[str, Any], *outcome: str) -> Escort:
        key = self._without_prefix(self.get_key_for_task(task_id))
        keys, args = [key, *outcome[:1]], [self.encode(meta), self.expires, *outcome[1:]]
        return Escort(self._keep, keys, args)

    def _set(self, key: bytes | str, value: str, expires: int | None = None) -> None:
        """In one command instead of two round trips, which other threads' commands share.

        What Redis refuses because it is full or busy is offered again until it takes it: Celery
        would give it up, and keep its message for ever.
        """
        while True:
            try:
                self._keep(
                    keys=[self._without_prefix(key)],
                    args=[value, self.expires if expires is None else expires],
                )
            except ResponseError as exc:
                log_refusal("result_refused", exc)
                time.sleep(_REFUSED_PAUSE_S)
            else:
                return

    def _get_client(self) -> type[PersistentRedis]:
        """As Celery's: what makes a client of a pool."""
        return PersistentRedis

    @cached_property
    def _chord_part_return_script(self) -> Any:  # noqa: ANN401 - as Celery's
        """As Celery's, but whoever finds a whole header under another's claim waits for its end.

        Celery leaves it to the one with the claim. If that is a worker that was killed before it
        had published the body, the header's last message comes back while its claim still holds,
        and nobody would publish it. Celery's does not know its own claim again, either, when the
        answer to it was lost and it was asked twice.
        """
        note = super()._chord_part_return_script  # type: ignore[misc] # a mixin

        def noted(keys: Sequence[Any], args: Sequence[Any], client: Any) -> Sequence[Any]:  # noqa: ANN401
            claim, token = keys[-1], args[-1]
            while True:
                ready, differs, size, is_claimed = note(keys=keys, args=args, client=client)
                is_whole = size and ready == int(size) + int(differs or 0)
                if not is_whole or is_claimed:
                    return ready, differs, size, is_claimed
                if client.get(claim) == token.encode():
                    return ready, differs, size, 1
                time.sleep(_CLAIM_PAUSE_S)

        return noted

    def _chord_publish_claim_expires(self, initial_expires: float, callback: object) -> float:  # noqa: ARG002 - as Celery's
        """Celery's lasts for as long as publishing may be tried, which is minutes here.

        One that lapses meanwhile does no harm: the body is the same job, whoever publishes it.
        """
        return max(initial_expires, _CLAIM_S)

    def _without_prefix(self, key: bytes | str) -> str:
        """The shared connection puts the prefix before the key, as Celery has done."""
        prefix = KeyPrefix(self._transport_options.get("global_keyprefix", ""))
        return prefix.strip(key.decode() if isinstance(key, bytes) else key)

    @cached_property
    def _keep(self) -> Script:
        return load_script(self._redis, "worker.celery_app", "result")

    @cached_property
    def _redis(self) -> AutoPipeline:
        """A worker's is that of its ledger."""
        options = self._transport_options
        master = options.get("master_name", DEFAULT_SENTINEL_MASTER)
        return shared_redis(options.get(REDIS_URL, self.url), master)


class OutcomeBackend(_Outcomes, RedisBackend):  # type: ignore[misc] # Celery is untyped
    """On one Redis."""

    connection_class_ssl = HeedingTls

    def _get_pool(self, **params: Any) -> Any:  # noqa: ANN401 - as Celery's
        return super()._get_pool(**{"connection_class": HeedingTcp, **params})


class SentinelOutcomeBackend(_Outcomes, SentinelBackend):  # type: ignore[misc] # as above
    """On the master that sentinels watch."""

    connection_class_ssl = HeedingManagedTls

    def _get_pool(self, **params: Any) -> Any:  # noqa: ANN401 - as Celery's
        return super()._get_pool(**{"connection_class": HeedingManaged, **params})

    def _get_sentinel_instance(self, **params: Any) -> Any:  # noqa: ANN401 - as Celery's
        manager = super()._get_sentinel_instance(**params)
        heed_silence(manager)
        return manager


def backend_url(result_backend: str) -> str:
    """The same URL of Celery's, with a backend of ours in place of Celery's own."""
    kind = SentinelOutcomeBackend if result_backend.startswith("sentinel://") else OutcomeBackend
    return f"{__name__}:{kind.__name__}+{result_backend.removeprefix('redis+')}"
