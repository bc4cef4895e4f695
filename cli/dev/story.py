"""What the demonstration does, step by step, in words for a newcomer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.dev.rates import NewRate
from cli.dev.verdict import differences
from cli.tables import table
from revio_jobs import JobHandle, RevioJobs, UpdateJob, UpdateResult, as_completed
from revio_jobs.errors import Rejected, RevioError
from sandbox import RunningSandbox

_CUSTOMER = 1004
_DENIED_PRODUCT = 5050
_REPLAYED = 100
_PATIENCE_S = 600
_TOLD_EVERY = 500
_SHOWN_DIFFERENCES = 10


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the closing table."""

    what: str
    jobs: int
    outcome: str
    calls: int
    """Calls that the sandbox received in the meantime, logins included."""
    is_right: bool


class Story:
    """Runs jobs against a stack, tells about them, and checks every word."""

    def __init__(self, console: Console, sandbox: RunningSandbox, jobs: RevioJobs) -> None:
        self._console = console
        self._sandbox = sandbox
        self._jobs = jobs

    def tell(self, rates: Sequence[NewRate], *, calls_per_minute: int) -> bool:
        """Whether all went as told. Raises RevioError or TimeoutError when a job does not end."""
        updates = [rate.job("demo") for rate in rates]
        steps = [
            self._query(),
            self._update(updates),
            self._replay(updates[:_REPLAYED]),
            self._reject(),
        ]
        self._heading("What came of it")
        calls = self._sandbox.calls()
        self._console.print(_closing_table(steps), _use(calls, calls_per_minute))
        wrong = [f"{step.what}: {step.outcome}" for step in steps if not step.is_right]
        wrong += _overuse(calls, calls_per_minute)
        wrong += differences(rates, self._sandbox.products(), self._sandbox.updates())
        self._judge(wrong, len(rates))
        return not wrong

    def _query(self) -> Step:
        self._heading(
            "1. A query",
            f"Which products does customer {_CUSTOMER} have? One job, answered by one call of the "
            "vendor; before it, the worker logs in.",
        )
        with self._counted() as calls:
            query = self._jobs.query(customer_ids=[_CUSTOMER])
            products = query.result(_PATIENCE_S).customer_products
        rows = [(one.customer_product_id, one.description, one.rate) for one in products]
        self._console.print(table("product", "description", "rate", rows=rows))
        return Step(
            "a query by customer",
            1,
            f"{len(products)} products found",
            calls(),
            is_right=bool(products),
        )

    def _update(self, updates: Sequence[UpdateJob]) -> Step:
        self._heading(
            f"2. {len(updates):,} updates",
            "New rates from examples/new-rates.csv, submitted at once to the lane for bulk work, "
            "each under an idempotency key; the results are collected as they come.",
        )
        with self._counted() as calls, self._progress(len(updates)) as advance:
            outcomes = []
            for handle in as_completed(self._jobs.submit(updates), _PATIENCE_S):
                outcomes.append(_outcome(handle))
                advance()
        return Step(
            "updates from the CSV",
            len(updates),
            f"{outcomes.count('applied'):,} applied",
            calls(),
            is_right=outcomes == ["applied"] * len(updates),
        )

    def _replay(self, updates: Sequence[UpdateJob]) -> Step:
        self._heading(
            f"3. The first {len(updates)} again",
            "As a caller does who crashed before it saw the results. The keys are known, so each "
            "gets its first result, and nothing is sent to the vendor.",
        )
        with self._counted() as calls:
            handles = self._jobs.submit(updates)
            outcomes = [_outcome(handle) for handle in as_completed(handles, _PATIENCE_S)]
        settled = [handle.submission for handle in handles].count("settled")
        self._console.print(f"{settled} results, {calls()} calls.")
        return Step(
            "the first of them again",
            len(updates),
            f"{settled} first results",
            calls(),
            is_right=settled == len(updates) == outcomes.count("applied") and not calls(),
        )

    def _reject(self) -> Step:
        self._heading(
            "4. An update that the vendor refuses",
            f"Product {_DENIED_PRODUCT} is denied in the sandbox. The job ends with an error whose "
            "class says what to do: after Rejected, trying again would not help.",
        )
        with self._counted() as calls:
            try:
                ended = self._jobs.update(id=_DENIED_PRODUCT, rate="9.99").result(_PATIENCE_S)
                outcome = str(ended.outcome)
            except Rejected as exc:
                self._console.print(f"Rejected: {exc}")
                outcome = "rejected"
        return Step("a denied product", 1, f"1 {outcome}", calls(), is_right=outcome == "rejected")

    def _judge(self, wrong: Sequence[str], products: int) -> None:
        for line in wrong[:_SHOWN_DIFFERENCES]:
            self._console.print(f"WRONG: {line}")
        if len(wrong) > _SHOWN_DIFFERENCES:
            self._console.print(f"… and {len(wrong) - _SHOWN_DIFFERENCES} more")
        if not wrong:
            self._console.print(
                f"Checked against the sandbox's own record: {products:,} products have their new "
                "rate, each by one update; no other was touched; the replay sent nothing; no call "
                "was refused by the limit."
            )

    def _heading(self, title: str, says: str = "") -> None:
        self._console.print(f"\n{title}", style="bold")
        if says:
            self._console.print(says)

    @contextmanager
    def _counted(self) -> Iterator[Callable[[], int]]:
        """Tells how many calls the sandbox has received since."""
        before = self._sandbox.calls()["received"]
        yield lambda: int(self._sandbox.calls()["received"]) - before

    @contextmanager
    def _progress(self, total: int) -> Iterator[Callable[[], None]]:
        """Shows progress: a bar on a terminal, elsewhere a line now and then."""
        if self._console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("ended"),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self._console) as progress:
                task = progress.add_task("", total=total)
                yield lambda: progress.advance(task)
            return
        ended = iter(range(1, total + 1))

        def advance() -> None:
            if (count := next(ended)) % _TOLD_EVERY == 0:
                self._console.print(f"{count:,} of {total:,} ended")

        yield advance


def _outcome(handle: JobHandle[UpdateResult]) -> str:
    """In a word; `handle` has ended."""
    try:
        return handle.result().outcome
    except RevioError as exc:
        return type(exc).__name__


def _closing_table(steps: Sequence[Step]) -> Table:
    rows = [(step.what, f"{step.jobs:,}", step.outcome, f"{step.calls:,}") for step in steps]
    jobs, calls = sum(step.jobs for step in steps), sum(step.calls for step in steps)
    together = ("together", f"{jobs:,}", None, f"{calls:,}")
    return table("", "jobs", "outcome", "calls sent", rows=[*rows, together])


def _use(calls: Mapping[str, Any], calls_per_minute: int) -> str:
    logins = sum(calls["by_operation"].get("Sessions_Create", {}).values())
    return (
        f"The sandbox received {calls['received']:,} calls, {logins} of them logins, and at most "
        f"{calls['max_in_60s']:,} in a minute; {calls_per_minute:,} were allowed."
    )


def _overuse(calls: Mapping[str, Any], calls_per_minute: int) -> Iterator[str]:
    if calls["max_in_60s"] > calls_per_minute or calls["refused"]:
        yield (
            f"{calls['max_in_60s']} calls in a minute of {calls_per_minute} allowed, "
            f"{calls['refused']} refused"
        )
