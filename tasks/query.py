"""The query job: read customer products, in as many vendor calls as its filter needs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from revio_jobs.contracts import CustomerProductRecord, Lane, QueryJob
from tasks.accounts import unknown_account
from tasks.errors import InvalidJob, QuotaExhausted, Retryable, RevioError, Throttled
from tasks.ports import Call, Filters, Gateway, Purpose
from tasks.retry import RetryPolicy
from tasks.steps import Step, TryAgain, failed, put_back, succeeded

QUERY_RETRIES = RetryPolicy(first_s=0.5, cap_s=5.0, max_attempts=6, deadline_s=600.0)

# A query of many calls does not start anew for each full minute, but waits it out.
_LONGEST_WAIT_BETWEEN_CALLS_S = 61.0


@dataclass(frozen=True, slots=True)
class QueryTarget:
    """Where an account's queries go."""

    gateway: Gateway
    ids_per_call: int = 200


class QueryHandler:
    """Runs query jobs. A query changes nothing, so whatever fails is simply asked again."""

    def __init__(
        self,
        targets: Mapping[str, QueryTarget],
        *,
        retries: RetryPolicy = QUERY_RETRIES,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._targets = targets
        self._retries = retries
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._clock = clock
        self._sleep = sleep

    def run(self, job: QueryJob, job_id: str, lane: Lane, attempt: int) -> Step:
        """One attempt; `attempt` is 1 for the first."""
        call = Call(job.account, lane, Purpose.QUERY, job_id)
        target = self._targets.get(job.account)
        if target is None:
            return failed(unknown_account(job.account, self._targets))
        try:
            parts = split(job, target.ids_per_call)
            found = [self._ask(target.gateway, part, call, parts) for part in parts]
        except (Throttled, QuotaExhausted) as exc:
            return put_back(exc, self._clock())
        except Retryable as exc:
            delay = self._retries.delay(attempt, 0.0, self._chance)
            return failed(exc) if delay is None else TryAgain(delay, str(exc))
        except RevioError as exc:
            return failed(exc)
        products = _merge(found)
        missing = [each for each in dict.fromkeys(job.ids) if each not in products]
        return succeeded(
            {
                "customer_products": list(products.values()),
                "missing_ids": missing,
                "calls": len(parts),
                "fetched_at": datetime.fromtimestamp(self._clock(), UTC).isoformat(),
            }
        )

    def _ask(
        self, gateway: Gateway, part: Filters, call: Call, parts: list[Filters]
    ) -> list[CustomerProductRecord]:
        while True:
            try:
                return gateway.query(part, call)
            except Throttled as exc:
                if part is parts[0] or exc.retry_after > _LONGEST_WAIT_BETWEEN_CALLS_S:
                    raise
                self._sleep(exc.retry_after)


def split(job: QueryJob, ids_per_call: int) -> list[Filters]:
    """The vendor calls of a job: each holds at most `ids_per_call` values.

    Whether the vendor joins filters of several kinds by "and" or by "or" is not known, so such a
    job is one call as it stands. Raises InvalidJob when it is too large for that.
    """
    given = {
        name: tuple(dict.fromkeys(values))
        for name in ("ids", "customer_ids", "line_ids")
        if (values := getattr(job, name))
    }
    if len(given) > 1:
        if sum(map(len, given.values())) > ids_per_call:
            raise InvalidJob(
                [f"{', '.join(given)}: together they may hold at most {ids_per_call} values"]
            )
        return [Filters(**given)]
    [(name, values)] = given.items()
    return [
        Filters(**{name: values[start : start + ids_per_call]})
        for start in range(0, len(values), ids_per_call)
    ]


def _merge(found: Iterable[list[CustomerProductRecord]]) -> dict[int, CustomerProductRecord]:
    return {record["customer_product_id"]: record for part in found for record in part}
