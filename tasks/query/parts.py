"""A query's parts: each the size of one call, read several at a time and retried alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextvars import copy_context
from itertools import islice
from queue import SimpleQueue

from revio_jobs.contracts import CustomerProductRecord, QueryJob
from revio_jobs.errors import InvalidJob, QuotaExhausted, Retryable, Throttled
from tasks.ports import Filters

_FIELDS = {"ids": "customer_product_id", "customer_ids": "customer_id", "line_ids": "line_id"}

Records = list[CustomerProductRecord]

# A query that has begun waits out a full minute instead of starting again.
_LONGEST_WAIT_BETWEEN_CALLS_S = 61.0


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


def kind_of(filters: Filters) -> tuple[str | None, tuple[int, ...]]:
    """The one kind of filter and its values; None if there are several.

    Whether the vendor joins several by "and" or by "or" is not known.
    """
    given = [(kind, values) for kind in _FIELDS if (values := getattr(filters, kind))]
    return given[0] if len(given) == 1 else (None, ())


def by_value(kind: str, records: Iterable[CustomerProductRecord]) -> defaultdict[int, Records]:
    """The records grouped by the filter value that each of them answers."""
    grouped = defaultdict[int, Records](list)
    for record in records:
        grouped[record[_FIELDS[kind]]].append(record)  # type: ignore[literal-required]
    return grouped


class PartAsker:
    """Reads the parts of one query, from several threads, and retries each part that failed."""

    def __init__(
        self,
        query: Callable[[Filters], Records],
        delay: Callable[[int], float | None],
        sleep: Callable[[float], None],
    ) -> None:
        """`delay`: seconds to wait after attempt number n (1 is the first), or None to give up."""
        self._query = query
        self._delay = delay
        self._sleep = sleep
        self._begun = False
        self._over = False

    def stop(self) -> None:
        """Stop retrying: the query has failed, so no part is needed any more."""
        self._over = True

    def ask(self, part: Filters) -> Records:
        """Read one part. Raises errors that a retry would not fix soon, and Throttled if no part
        has been read yet: then the whole query goes back to its queue.
        """
        attempt = 1
        while True:
            try:
                records = self._query(part)
            except Throttled as exc:
                if self._over or not self._begun or exc.retry_after > _LONGEST_WAIT_BETWEEN_CALLS_S:
                    raise
                self._sleep(exc.retry_after)
            except QuotaExhausted:
                raise
            except Retryable:
                delay_s = self._delay(attempt)
                if self._over or delay_s is None:
                    raise
                self._sleep(delay_s)
                attempt += 1
            else:
                self._begun = True
                return records


def ask_all(
    parts: Sequence[Filters],
    asker: PartAsker,
    take: Callable[[int, Records], None],
    threads: Executor,
    at_once: int,
) -> Iterator[int]:
    """Read all parts, at most `at_once` at a time; yields the number of parts read so far.

    `take` gets each part's number and records, in the thread that has read them. Raises the first
    error, once no part is being read any more.
    """

    def ask(number: int, part: Filters) -> None:
        take(number, asker.ask(part))

    todo = iter(enumerate(parts))
    running: set[Future[None]] = set()
    ended: SimpleQueue[Future[None]] = SimpleQueue()
    try:
        for answered in range(len(parts)):
            for number, part in islice(todo, at_once - len(running)):
                # With the log fields and the trace of the job.
                future = threads.submit(copy_context().run, ask, number, part)
                running.add(future)
                future.add_done_callback(ended.put)
            done = ended.get()
            running.remove(done)
            done.result()
            yield answered + 1
    finally:
        asker.stop()
        for future in running:
            future.cancel()
        wait(running)
