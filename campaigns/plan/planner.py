"""Makes plan files: from a price list, from rules alone, or from rows of an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

from campaigns.errors import CampaignError, InputError
from campaigns.guard_rails.rails import DAY_S, Breach, Level, Rails
from campaigns.guard_rails.repeat import RecentChanges, no_recent_changes
from campaigns.output.problem_file import ProblemBook, open_problem_file
from campaigns.plan.diff import Policy
from campaigns.plan.owned_products import OwnedProducts
from campaigns.plan.owners import Owners
from campaigns.plan.plan_file import Header, Plan, PlanWriter, is_plan, keep, new_plan, open_plan
from campaigns.plan.price_list import open_price_list
from campaigns.plan.row_planner import Reader, RowPlanner
from campaigns.plan.summary import Summary
from campaigns.rows.planned_row import PlannedRow
from campaigns.rules.rules import Rules
from campaigns.source.cells import ParsedRow
from campaigns.source.options import ReadOptions
from campaigns.source.read_as import ReadAs
from campaigns.source.survey import PriceList
from campaigns.source.table import Form
from campaigns.terms import Terms

_RULE_FORM = Form(columns=("id",))


class ChangeHistory(Protocol):
    """What earlier runs have changed, and are still to change."""

    def since(self, at: float, *, except_run: str | None = None) -> RecentChanges:
        """Changes since `at` (Unix time), without those of the run `except_run`."""


class PlanVerdict(StrEnum):
    """The outcome of planning."""

    NOTHING = "nothing to do"
    CHANGES = "changes"
    PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is to be planned."""

    name: str
    author: str
    rules: Rules = field(default_factory=Rules)
    source: Path | None = None
    customers: Sequence[int] = ()
    """Customers whose products are planned if there is no source."""
    lines: Sequence[int] = ()
    """Lines whose products are planned if there is no source, besides those of the customers."""
    rails: Rails = field(default_factory=Rails)
    """Guard rails besides those of the settings, which nothing loosens."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Reasons by the rail that may be crossed."""
    effective: date | None = None
    """From when the change is meant to hold; a column of the file may say so, too."""
    options: ReadOptions = field(default_factory=ReadOptions)
    """What is stated about the file."""
    includes_disconnected: bool = False
    leaves_problems_out: bool = False
    """Skip faulty rows instead of planning nothing."""
    problems_to: Path | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that a plan is made from."""

    kind: str
    """retry or undo."""
    of_run: str
    form: Form
    takes_back: str = ""
    """The run whose changes the plan takes back; "" if it takes none back."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The outcome of planning, and the plan's figures."""

    verdict: PlanVerdict
    summary: Summary
    problems: ProblemBook
    forbidden: Sequence[Breach]
    """Guard rails that the plan as a whole crosses."""
    plan: Plan | None
    """None when there are problems, and nothing was written."""
    read_as: ReadAs
    """How the input was understood."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plan files for one account."""

    terms: Terms
    reader: Reader
    clock: Callable[[], float]
    clearable: Callable[[], frozenset[str] | None] = lambda: None
    """Called once products have been read, so that a worker has seen the vendor's schema."""
    on_row: Callable[[PlannedRow], None] = lambda _: None
    """Called with each row as it is planned, whatever its outcome."""
    history: ChangeHistory | None = None
    """What earlier runs have changed; None if it is not known."""

    def make(self, to: Path, request: PlanRequest) -> Planned:
        """Plan into the file `to`.

        Raises InputError, and RevioError when values cannot be read.
        """
        check_overrides(request.overrides, self.terms.rails + request.rails)
        check_memory(request.rails, self.terms.keep_s)
        check_outputs(to, request)
        owners = Owners.of(request.customers, request.lines)
        if request.source is None:
            if not (owners and request.rules.sets):
                raise InputError("give a file, or --customer or --line and --set")
            read_as = ReadAs("rules", rows=0)
            with self._planner(to, request, _RULE_FORM, read_as) as planner:
                products = OwnedProducts(owners, self.reader)
                planner.plan_products(products)
                planner.writer.summary.without_products = products.without_products().missing()
                return _finish(to, request, planner)
        if owners:
            raise InputError("give a file, or customers and lines, not both")
        with open_price_list(request.source, request.options, request.rules) as prices:
            request = replace(request, effective=_effective(request, prices))
            with self._planner(
                to, request, prices.form, prices.read_as, source=prices.name
            ) as planner:
                planner.plan_price_list(prices, self.reader)
                return _finish(to, request, planner)

    def make_of_rows(
        self, to: Path, request: PlanRequest, rows: Iterable[ParsedRow], origin: Origin
    ) -> Planned:
        """As `make`, from rows of a run."""
        check_outputs(to, request)
        more = {"source": origin.of_run, "kind": origin.kind, "of_run": origin.of_run}
        read_as = ReadAs(f"rows of run {origin.of_run}")
        with self._planner(
            to, request, origin.form, read_as, takes_back=origin.takes_back, **more
        ) as planner:
            planner.plan_rows(rows, self.reader)
            return _finish(to, request, planner)

    @contextmanager
    def _planner(
        self,
        to: Path,
        request: PlanRequest,
        form: Form,
        read_as: ReadAs,
        *,
        takes_back: str = "",
        **more: str,
    ) -> Iterator[RowPlanner]:
        header = Header(
            name=request.name,
            account=self.terms.account,
            vendor=self.terms.vendor,
            author=request.author,
            created_at=datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds"),
            form=form,
            rules=request.rules.document(),
            rails=tuple(str(guard) for guard in request.rails.guards),
            overrides=dict(request.overrides),
            effective=request.effective.isoformat() if request.effective else None,
            read_as=read_as,
            **more,
        )
        rails = self.terms.rails + request.rails
        policy = Policy(
            request.rules,
            rails,
            frozenset(request.overrides),
            request.effective,
            self.terms.account,
            request.includes_disconnected,
            cache(self.clearable),
            self._recent_changes(rails, takes_back),
            self.terms.is_certified,
            self.clock(),
            self.terms.time.show,
        )
        problems = request.problems_to and open_problem_file(request.problems_to, form)
        with new_plan(to, header) as writer, problems or nullcontext() as file:
            yield RowPlanner(writer, policy, problem_file=file, on_row=self.on_row)

    def _recent_changes(self, rails: Rails, takes_back: str) -> RecentChanges:
        back_s = rails.repeat_s()
        if self.history is None or not back_s:
            return no_recent_changes
        # What an undo takes back is meant to be changed twice.
        return self.history.since(self.clock() - back_s, except_run=takes_back or None)


def _effective(request: PlanRequest, prices: PriceList) -> date | None:
    """Raises InputError if the file and the request name two days."""
    stated, found = request.effective, prices.effective
    if stated and found and stated != found:
        raise InputError(
            f"{prices.name}: its rows are meant to hold from {found}, and --effective says {stated}"
        )
    return stated or found


def _finish(to: Path, request: PlanRequest, planner: RowPlanner) -> Planned:
    summary, forbidden = planner.writer.summary, planner.forbidden()
    read_as = planner.writer.header.read_as
    faulty = summary.faulty and not (request.leaves_problems_out and summary.changes)
    if faulty or forbidden:
        return Planned(PlanVerdict.PROBLEMS, summary, planner.book, forbidden, None, read_as)
    verdict = PlanVerdict.CHANGES if summary.changes else PlanVerdict.NOTHING
    plan = _keep_plan(to, planner.writer)
    return Planned(verdict, summary, planner.book, forbidden, plan, read_as)


def _keep_plan(to: Path, writer: PlanWriter) -> Plan:
    keep(to, writer)
    return open_plan(to)


def overriding_all(rails: Rails, reason: str) -> dict[str, str]:
    """Every rail that a reason can cross, with that one."""
    return {guard.rail: reason for guard in rails.guards if guard.level is Level.OVERRIDE}


def check_outputs(to: Path, request: PlanRequest) -> None:
    """Raises InputError rather than overwrite the input, or a file that is not a plan."""
    if to.exists() and not is_plan(to):
        raise InputError(f"{to} exists and is not a plan: choose another name for -o")
    problems, source = request.problems_to, request.source
    if problems and (problems == to or (source and problems.resolve() == source.resolve())):
        raise InputError(f"--problems {problems} would write over a file that is needed")


def check_memory(rails: Rails, keep_s: int) -> None:
    """Raises CampaignError for a rail that looks further back than runs are kept."""
    if rails.repeat_s() > keep_s:
        raise CampaignError(
            f"runs are kept for {keep_s / DAY_S:g} days (REVIO_CAMPAIGN_RETENTION_S), so the rail "
            f"repeat cannot look back {rails.repeat_s() / DAY_S:g} days"
        )


def check_overrides(overrides: Mapping[str, str], rails: Rails) -> None:
    """Raises CampaignError for a rail that does not exist or an empty reason."""
    known = {guard.rail.value for guard in rails.guards}
    for rail, reason in overrides.items():
        if rail not in known:
            raise CampaignError(f"there is no guard rail {rail!r}; there are {', '.join(known)}")
        if not reason.strip():
            raise CampaignError(f"an override of {rail} needs a reason: {rail}=REASON")
