"""The Python API for every step of a campaign; `revio campaign` is a thin layer over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from redis import Redis

from campaigns.approval import Person, approve, check_account, send_back, signed, why_not_counted
from campaigns.errors import NotAllowedError
from campaigns.export import Exported, ExportRequest, export
from campaigns.plan.plan_file import Plan, open_plan
from campaigns.plan.planner import Origin, Planned, Planner, PlanRequest, overriding_all
from campaigns.plan.product_reader import ProductReader
from campaigns.plan.reduced_plan import plan_without
from campaigns.results.explain import Touched, campaigns_of
from campaigns.results.report import write_report
from campaigns.results.retry_undo import Only, rows_to_retry, rows_to_undo
from campaigns.results.row_results import RowResult, header_of, row_results
from campaigns.results.undo_report import UndoReport, reporting
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.request import AT_ONCE, WEIGHTS, RunRequest, check_priority, check_rate
from campaigns.run.state import Status
from campaigns.signing import SigningKey
from campaigns.source.table import Form
from campaigns.start import begins_in_words, check_start, start
from campaigns.store import Approval, OperatorStore, RunList, RunView
from campaigns.store.audit_log import AuditEntry
from campaigns.store.last_jobs import LastJob, last_jobs
from campaigns.store.run_codec import START_AT
from campaigns.store.run_history import RunHistory
from campaigns.terms import Terms
from revio_jobs import RevioJobs

_OPEN = (Status.RUNNING, Status.PAUSED, Status.HALTED)


class Campaigns:
    """Campaigns of one account. Methods raise CampaignError, and RevioError if something is down.

    plan = campaigns.plan(path, PlanRequest("june", author, source=csv)).plan
    campaigns.approve(plan, Person("ann", "as agreed"))
    campaigns.apply(plan, RunRequest("ann"))
    campaigns.view(plan.run).state.counts
    """

    def __init__(
        self,
        terms: Terms,
        jobs: RevioJobs,
        redis: Redis,
        clock: Callable[[], float] = time.time,
        *,
        on_wait: Callable[[], None] = lambda: None,
        on_row: Callable[[PlannedRow], None] = lambda _: None,
        key: SigningKey | None = None,
    ) -> None:
        """`on_wait` is called while reading values takes long, `on_row` with each planned row.

        `key` signs plans and approvals.
        """
        self._key = key
        self.terms = terms
        self._redis = redis
        self._clock = clock
        self.reader = ProductReader(jobs, terms.account, terms.ids_per_call, on_wait=on_wait)
        self.store = OperatorStore(redis, terms.account, keep_s=terms.keep_s, clock=clock)
        self._planning = Planner(
            terms, self.reader, clock, self.store.clearable, on_row, RunHistory(self.store)
        )

    def plan(self, to: Path, request: PlanRequest) -> Planned:
        """Make the plan file `to`. Reads current values; changes nothing."""
        return self._authored(self._planning.make(to, request))

    def leave_out(
        self, plan: Plan, ids: Collection[int], to: Path, request: PlanRequest
    ) -> Planned:
        """Make the plan file `to` from another plan, without the rows of those products.

        The values are those read for the old plan; approvals of that do not count for the new one.
        """
        check_account(plan, self.terms)
        if self.store.exists(plan.run):
            raise NotAllowedError(f"run {plan.run} has begun: its rows cannot be left out any more")
        planned = plan_without(
            plan, ids, to, request, self.terms, now=self._clock(), on_row=self._planning.on_row
        )
        return self._authored(planned)

    def export(self, to: Path, request: ExportRequest) -> Exported:
        """Write what products have now to `to`, a list to edit and plan; see `export`."""
        return export(to, request, self.reader)

    def open(self, path: Path) -> Plan:
        """Read a plan file. Raises PlanFileError unless it is whole and unchanged."""
        return open_plan(path)

    def approve(self, plan: Plan, person: Person) -> Approval:
        """Approve exactly this plan, which `apply` requires."""
        return approve(plan, self.terms, self.store, person, clock=self._clock, key=self._key)

    def why_not_counted(self, digest: str, author: str, approval: Approval) -> str:
        """Why no run of the plan may begin by its approval, though somebody gave it; "" if one may.

        `digest`, `author`: the plan's.
        """
        return why_not_counted(digest, author, self.terms, self.store, approval)

    def send_back(self, plan: Plan, person: Person) -> None:
        """Refuse exactly this plan: it can be neither approved nor applied any more."""
        send_back(plan, self.terms, self.store, person, clock=self._clock)

    def apply(self, plan: Plan, request: RunRequest) -> bool:
        """Begin the plan's run. Returns False if it had begun before; nothing is done twice.

        Raises NotAllowedError if it had begun otherwise than the request says.
        """
        return start(plan, self.terms, self.store, request, clock=self._clock)

    def begins(self, plan: Plan) -> str:
        """When the plan's run would begin by its effective date, in words; "" if it has none."""
        return begins_in_words(plan, self.terms, self._clock())

    def view(self, run: str) -> RunView:
        """The state of a run now."""
        return self.store.view(run)

    def runs(self) -> RunList:
        """The 50 newest runs and all others that have not ended, newest first."""
        return self.store.listed()

    def resolve(self, name: str) -> str:
        """A run's name, given its plan file, its name or an unambiguous beginning of it."""
        path = Path(name)
        if path.is_file():
            run = open_plan(path).run
            if not self.store.exists(run):
                raise NotAllowedError(f"{name} has no run yet; `revio campaign apply` begins it")
            return run
        return self.store.resolve(name)

    def pause(self, run: str, person: Person) -> None:
        """Pause the run: within seconds nothing of it is sent any more."""
        self._decide(run, "pause", person, (Status.RUNNING,), Status.PAUSED)

    def resume(self, run: str, person: Person, as_read: str | None = None) -> str:
        """Go on after a pause or a halt; what led to a halt does not count any more.

        `as_read`: the `RunState.digest` that the person has seen; a run that stands otherwise by
        now does not go on. None if that does not matter. Returns the status and the reason that
        this has ended.
        """
        possible = (Status.PAUSED, Status.HALTED)
        return self._decide(run, "resume", person, possible, Status.RUNNING, as_read=as_read)

    def cancel(self, run: str, person: Person) -> None:
        """End the run for good; what was applied stays."""
        self._decide(run, "cancel", person, _OPEN, Status.CANCELLED)

    def set_rate(self, run: str, rate: float | None, person: Person) -> None:
        """Limit the run to `rate` calls per minute; None for no limit of its own."""
        if rate is not None:
            check_rate(rate)
        value = "none" if rate is None else f"{rate:g}"
        settings = {"rate": "" if rate is None else repr(rate)}
        self._decide(run, f"set rate={value}", person, _OPEN, settings=settings)

    def set_priority(self, run: str, priority: str, person: Person) -> None:
        """Set the run's priority among campaigns: low, normal or high."""
        check_priority(priority)
        settings = {"weight": WEIGHTS[priority]}
        self._decide(run, f"set priority={priority}", person, _OPEN, settings=settings)

    def set_start(self, run: str, at: float, person: Person) -> None:
        """Send nothing before `at` (Unix time, seconds), or go on AT_ONCE."""
        value = "now"
        if at != AT_ONCE:
            check_start(at, self.terms, self._clock())
            value = self.terms.time.show(at)
        self._decide(run, f"set start={value}", person, _OPEN, settings={START_AT: repr(at)})

    def audit(self, run: str) -> list[AuditEntry]:
        """The audit log: who decided what, when and why."""
        return self.store.audit(run)

    def results(self, run: str) -> Iterator[RowResult]:
        """All rows of the run in the plan's order."""
        return row_results(self.store, self.store.view(run).state.spec)

    def form(self, run: str) -> Form:
        """The form of the run's input, in which its report's files are written."""
        return header_of(self.store.view(run).state.spec).form

    def report(self, run: str, directory: Path) -> Mapping[str, int]:
        """Write files for people to `directory`; returns the number of rows by file."""
        return write_report(self.store, self.store.view(run), directory)

    def retry(self, run: str, to: Path, only: Only, request: PlanRequest) -> Planned:
        """A new plan of rows that failed or were not processed, effective as the run's was.

        A retry of an undo crosses the guard rails that the undo crosses, for the same reasons.
        """
        form = self._form_at_rest(run)
        header = header_of(self.store.view(run).state.spec)
        if request.effective is None and header.effective is not None:
            request = replace(request, effective=date.fromisoformat(header.effective))
        taken_back = RunHistory(self.store).taken_back(header)
        if taken_back:
            request = replace(request, overrides={**header.overrides, **request.overrides})
        rows = rows_to_retry(self.results(run), only)
        origin = Origin("retry", run, form, taken_back)
        return self._authored(self._planning.make_of_rows(to, request, rows, origin))

    def undo(
        self, run: str, to: Path, request: PlanRequest, reason: str, left_to: Path | None = None
    ) -> tuple[Planned, UndoReport]:
        """A plan that takes back what the run wrote, where that still is what it wrote.

        Guard rails that a reason can cross are crossed for this one: the old values were there
        before. `left_to`: a CSV of the products that it leaves alone or cannot put right.
        """
        if not reason.strip():
            raise NotAllowedError("to undo needs a reason")
        form = self._form_at_rest(run)
        overrides = overriding_all(self.terms.rails + request.rails, f"undo of {run}: {reason}")
        request = PlanRequest(
            request.name,
            request.author,
            rails=request.rails,
            overrides=overrides,
            includes_disconnected=True,
            leaves_problems_out=True,
        )
        with reporting(form, left_to) as report:
            rows = rows_to_undo(self.results(run), self.reader, report)
            planning = replace(self._planning, on_row=self._noting(report))
            planned = planning.make_of_rows(to, request, rows, Origin("undo", run, form, run))
        return self._authored(planned), report

    def explain(self, product_id: int) -> tuple[list[Touched], list[LastJob]]:
        """Every campaign's row of a product, and the jobs that last wrote its fields."""
        return (
            campaigns_of(self.store, product_id),
            last_jobs(self._redis, self.terms.account, product_id),
        )

    def _authored(self, planned: Planned) -> Planned:
        """With a proof of who made the plan, if there is a key."""
        if planned.plan and self._key:
            digest, author = planned.plan.digest, planned.plan.header.author
            said = Approval(digest, author, self._clock(), "")
            self.store.plans.note_author(signed("plan", self.terms.account, said, self._key))
        return planned

    def _noting(self, report: UndoReport) -> Callable[[PlannedRow], None]:
        def on_row(row: PlannedRow) -> None:
            report.note(row)
            self._planning.on_row(row)

        return on_row

    def _form_at_rest(self, run: str) -> Form:
        """The input's form. Raises NotAllowedError while rows of the run are under way."""
        view = self.store.view(run)
        view.check_at_rest()
        return header_of(view.state.spec).form

    def _decide(
        self,
        run: str,
        what: str,
        person: Person,
        possible: tuple[Status, ...],
        status: Status | None = None,
        *,
        settings: Mapping[str, object] | None = None,
        as_read: str | None = None,
    ) -> str:
        if not person.reason.strip():
            raise NotAllowedError(f"to {what} needs a reason")
        return self.store.decide(
            run,
            what,
            by=person.by,
            reason=person.reason,
            possible=possible,
            status=status,
            settings=settings,
            as_read=as_read,
        )
