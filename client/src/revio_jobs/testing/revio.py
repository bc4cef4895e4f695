"""Rev.io, its workers and their ledger in memory, by the rules that the real ones keep."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

from revio_jobs.contracts import (
    DEFAULT_ACCOUNT,
    PRODUCT_FIELDS,
    CustomerProduct,
    Job,
    Lane,
    QueryJob,
    UpdateJob,
)
from revio_jobs.encoded_job import identified
from revio_jobs.errors import Forgotten, OutcomeUnknown, Rejected, ResultExpired, RevioError
from revio_jobs.handles import Submitted
from revio_jobs.reservation_outcome import Attached, Expired, KeyConflict, New, Reservation, Settled
from revio_jobs.results import Ended, read_outcome
from revio_jobs.submission import submitted
from revio_jobs.testing.products import drift, product_of, shows


@dataclass
class _Record:
    job: Job
    lane: Lane
    sequence: int
    fingerprint: str = ""
    outcome: dict[str, Any] | None = None
    how: str = ""
    ended_at: float = 0.0
    has_expired: bool = False
    has_begun: bool = False


class InMemoryRevio:
    """One account: its products, and workers that run each job as soon as it is submitted.

    It keeps the real rules: keys are attached, settled, expired or in conflict; a product's updates
    run in the order of submission, and a late one never overwrites a newer one (`superseded`);
    `expected` and `skip_unchanged` look first. Limits, retries and time are left out: a job ends at
    once, as `fail_next` says or well. Threads may share it.

    `products` are CustomerProducts or mappings of their fields, with at least
    `customer_product_id`; a field that does not exist raises ValueError.
    """

    def __init__(
        self,
        products: Iterable[CustomerProduct | Mapping[str, Any]] = (),
        account: str = DEFAULT_ACCOUNT,
    ) -> None:
        validated = map(product_of, products)
        self.products = {product.customer_product_id: product for product in validated}
        """By id, as they are now. A test may change them, as another user of Rev.io would."""
        self._account = account
        self._records: dict[str, _Record] = {}
        self._waiting: list[str] = []
        self._retries: list[str] = []
        self._put_off: set[int] = set()
        self._failures: deque[tuple[RevioError, int | None]] = deque()
        self._wrote: dict[tuple[int, str], tuple[int, str]] = {}
        self._sequences = count(1)
        self._paused: set[Lane] = set()
        self._lock = threading.RLock()

    def fail_next(self, error: RevioError, product_id: int | None = None) -> None:
        """The next job ends with the error; if a product is given, the next update of it does.

        After OutcomeUnknown the product may have the new values or not; here it has them. Raises
        TypeError for anything but a RevioError.
        """
        if not isinstance(error, RevioError):
            raise TypeError(f"a job ends with an error of revio_jobs.errors, not with {error!r}")
        with self._lock:
            self._failures.append((error, product_id))

    def put_off_next(self, product_id: int) -> None:
        """The next update of the product waits for another attempt, as after a fault of Rev.io.

        It is made when the next jobs are submitted or `run` is called, after those jobs.
        """
        with self._lock:
            self._put_off.add(product_id)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No job runs within the block; those that wait run at its end."""
        with self._without(set(Lane)):
            yield

    @contextmanager
    def bulk_paused(self) -> Iterator[None]:
        """As `paused`, for jobs of the bulk lane alone."""
        with self._without({Lane.BULK}):
            yield

    def run(self) -> None:
        """Run what waits: interactive jobs, then bulk ones, then those that were put off."""
        with self._lock:
            waiting, retries = self._waiting, self._retries
            self._waiting, self._retries = [], []
            lanes = [[i for i in waiting if self._records[i].lane is lane] for lane in Lane]
            for job_id in (*chain(*lanes), *retries):
                self._attempt(job_id)

    def expire_results(self) -> None:
        """As if a day had passed: keys are remembered, but neither results nor queries."""
        with self._lock:
            for job_id, record in list(self._records.items()):
                if record.outcome is not None and isinstance(record.job, QueryJob):
                    del self._records[job_id]
                record.has_expired = record.outcome is not None

    def submit(self, jobs: Iterable[Job], lane: Lane) -> list[Submitted[Any]]:
        """Accept the jobs, and run them unless it is paused; see RevioJobs.submit."""
        with self._lock:
            accepted = [self._accept(*identified(job), lane) for job in jobs]
            self.run()
            return accepted

    def find(self, account: str, job_id: str) -> Reservation | None:
        """The state of an update; None if it is not known."""
        with self._lock:
            record = self._records.get(job_id)
            known = record is not None and record.job.account == account
            return _reservation(record) if record and known else None

    def ended(self, job_id: str) -> Ended | None:
        """How a job ended, if it has; a job that is not known has ended as Forgotten."""
        with self._lock:
            record = self._records.get(job_id)
            if record is None:
                return Ended(Forgotten(job_id))
            if record.has_expired:
                return Ended(ResultExpired(job_id, record.how, record.ended_at))
            return None if record.outcome is None else read_outcome(record.outcome)

    def state(self, job_id: str) -> str:
        """Celery's name for it, as JobHandle.state."""
        with self._lock:
            ended, record = self.ended(job_id), self._records.get(job_id)
            if ended:
                return ended.state
            return "STARTED" if record and record.has_begun else "PENDING"

    @contextmanager
    def _without(self, lanes: set[Lane]) -> Iterator[None]:
        with self._lock:
            before, self._paused = self._paused, self._paused | lanes
        try:
            yield
        finally:
            with self._lock:
                self._paused = before
                self.run()

    def _accept(self, job: Job, job_id: str, lane: Lane) -> Submitted[Any]:
        fingerprint = job.fingerprint() if isinstance(job, UpdateJob) else ""
        record = self._records.get(job_id)
        if record is not None:
            same = record.fingerprint == fingerprint
            return submitted(job, job_id, _reservation(record) if same else KeyConflict())
        self._records[job_id] = _Record(job, lane, next(self._sequences), fingerprint)
        self._waiting.append(job_id)
        return submitted(job, job_id, New())

    def _attempt(self, job_id: str) -> None:
        record = self._records[job_id]
        if record.lane in self._paused or record.job.account != self._account:
            # A real job would wait as well: no worker serves another account.
            self._waiting.append(job_id)
        elif isinstance(record.job, QueryJob):
            self._end(record, self._failure(None) or {"ok": self._query(record.job)}, "SUCCESS")
        elif record.job.id in self._put_off:
            self._put_off.remove(record.job.id)
            record.has_begun = True
            self._retries.append(job_id)
        else:
            self._update(job_id, record, record.job)

    def _query(self, job: QueryJob) -> dict[str, Any]:
        matching = [
            product.model_dump(mode="json")
            for product in self.products.values()
            if product.customer_product_id in job.ids
            or product.customer_id in job.customer_ids
            or product.line_id in job.line_ids
        ]
        return {
            "customer_products": matching,
            "missing_ids": [
                product_id
                for product_id in dict.fromkeys(job.ids)
                if product_id not in self.products
            ],
            "calls": 1,
            "fetched_at": datetime.now(UTC).isoformat(),
        }

    def _update(self, job_id: str, record: _Record, job: UpdateJob) -> None:
        newer = self._newer(record, job)
        wanted = dict.fromkeys((*job.changes(), *job.clear))
        fields = [name for name in wanted if name not in newer]
        product = self.products.get(job.id)
        looks = job.expected is not None or job.skip_unchanged
        if failure := self._failure(job.id):
            if product and failure["error"]["type"] == OutcomeUnknown.__name__:
                self._write(job_id, record, product, fields)
            self._end(record, failure)
        elif not fields:
            winner = max(newer.values())
            self._settle(record, "superseded", superseded_by=winner, calls=0)
        elif product is None:
            problem = f"there is no customer product {job.id}"
            self._end(record, _error(Rejected(None, problem)))
        elif found := drift(job, product):
            self._settle(record, "drifted", found=found, calls=1)
        elif job.skip_unchanged and shows(job, product, fields):
            self._note(job_id, record, fields)
            self._settle(record, "applied", verified=True, calls=1)
        else:
            self._write(job_id, record, product, fields)
            self._settle(record, "applied", sent=sorted(fields), calls=1 + looks)

    def _newer(self, record: _Record, job: UpdateJob) -> dict[str, str]:
        """The job's fields that a later submission has set already, and the job that did."""
        wrote = {name: self._wrote.get((job.id, name)) for name in (*job.changes(), *job.clear)}
        return {name: w[1] for name, w in wrote.items() if w and w[0] > record.sequence}

    def _write(
        self, job_id: str, record: _Record, product: CustomerProduct, fields: Iterable[str]
    ) -> None:
        self._note(job_id, record, fields)
        changes = record.job.changes() if isinstance(record.job, UpdateJob) else {}
        shown = [name for name in fields if PRODUCT_FIELDS[name].is_readable]
        values = {name: changes.get(name) for name in shown}
        self.products[product.customer_product_id] = product.model_copy(update=values)

    def _note(self, job_id: str, record: _Record, fields: Iterable[str]) -> None:
        product_id = record.job.id if isinstance(record.job, UpdateJob) else 0
        for name in fields:
            self._wrote[product_id, name] = (record.sequence, job_id)

    def _settle(self, record: _Record, how: str, **result: object) -> None:
        product_id = record.job.id if isinstance(record.job, UpdateJob) else 0
        now = datetime.now(UTC).isoformat()
        settled = {"outcome": how, "id": product_id, "settled_at": now, **result}
        self._end(record, {"ok": settled}, how)

    def _failure(self, product_id: int | None) -> dict[str, Any] | None:
        for failure in self._failures:
            error, wanted = failure
            if wanted in {None, product_id}:
                self._failures.remove(failure)
                return _error(error)
        return None

    def _end(self, record: _Record, outcome: dict[str, Any], how: str = "") -> None:
        record.outcome = outcome
        record.how = outcome["error"]["type"] if "error" in outcome else how
        record.ended_at = datetime.now(UTC).timestamp()


def _reservation(record: _Record) -> Reservation:
    if record.outcome is None:
        return Attached()
    if record.has_expired:
        return Expired(record.how, record.ended_at)
    return Settled(record.outcome)


def _error(error: RevioError) -> dict[str, Any]:
    return {"error": {"type": type(error).__name__, "args": list(error.args)}}
