"""The end of the demonstration: a small campaign, in stages, and its undo."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from rich.console import Console

from campaigns import Campaigns, Person, Planned, PlanRequest, Rounding, Rules, RunRequest, Terms
from campaigns.guard_rails.rails import Rails
from campaigns.plan.plan_file import Plan
from campaigns.store import RunView
from cli.campaign.run_tables import one_line
from revio_jobs import RevioJobs
from revio_jobs.contracts import DEFAULT_ACCOUNT
from sandbox import RunningSandbox

# Not among those that the price list has changed.
_CUSTOMERS = range(2501, 2541)
_WHERE = "status=ACTIVE and rate>=10"
_SET = "rate=rate*1.05"
_RAILS = ("change=override:30", "below_cost=override", "sign=block")
_CANARY = (5,)
_POLL_S = 0.2
_PATIENCE_S = 300.0


class CampaignStory:
    """Tells it, and checks it against the sandbox."""

    def __init__(
        self, console: Console, sandbox: RunningSandbox, jobs: RevioJobs, redis: Redis
    ) -> None:
        self._console = console
        self._sandbox = sandbox
        terms = Terms(DEFAULT_ACCOUNT, "demonstration", rails=Rails.parse(_RAILS))
        self._campaigns = Campaigns(terms, jobs, redis)

    def tell(self) -> bool:
        """Whether all went as told. Raises RevioError and TimeoutError."""
        self._console.print("\n5. A campaign, and its undo", style="bold")
        self._console.print(
            f"`revio campaign plan --customer … --where '{_WHERE}' --set '{_SET}'` reads current "
            "values in batches and writes a plan; once approved, the workers carry it out in "
            "stages, and each stage is read back before the next."
        )
        before = self._rates()
        with TemporaryDirectory() as name:
            rules = Rules.parse(_WHERE, [_SET], Rounding())
            overrides = {"change": "a demonstration", "below_cost": "a demonstration"}
            request = PlanRequest("demo", "ann", rules, customers=_CUSTOMERS, overrides=overrides)
            planned = self._campaigns.plan(Path(name, "demo.plan"), request)
            run = self._carry_out(planned, "a demonstration")
            changed = self._rates()
            undo, left = self._campaigns.undo(
                run, Path(name, "undo.plan"), PlanRequest("undo", "ann"), "a demonstration"
            )
            self._carry_out(undo, "as it was")
            return self._judge(planned, before, changed, untouched=not left.counts)

    def _carry_out(self, planned: Planned, why: str) -> str:
        plan = planned.plan
        if plan is None:
            raise TimeoutError(f"nothing was planned: {dict(planned.problems.counts)}")
        moved = planned.summary.after - planned.summary.before
        self._console.print(
            f"{plan.run}: {planned.summary.changes} rows, revenue {moved:+,.2f}; approved by bob."
        )
        self._campaigns.approve(plan, Person("bob", why))
        self._campaigns.apply(plan, RunRequest("bob", canary=_CANARY))
        self._console.print(one_line(self._wait(plan), None))
        return plan.run

    def _wait(self, plan: Plan) -> RunView:
        give_up = time.monotonic() + _PATIENCE_S
        while not (view := self._campaigns.view(plan.run)).has_ended:
            if time.monotonic() > give_up:
                raise TimeoutError(f"{plan.run} has not ended in {_PATIENCE_S:g} s")
            time.sleep(_POLL_S)
        return view

    def _judge(
        self,
        planned: Planned,
        before: dict[int, str | None],
        changed: dict[int, str | None],
        *,
        untouched: bool,
    ) -> bool:
        wanted = dict(before)
        if planned.plan:
            for row in planned.plan.changes():
                wanted[row.id] = f"{Decimal(row.after['rate']):.4f}"
        is_right = changed == wanted and self._rates() == before and untouched
        self._console.print(
            f"Checked: {planned.summary.changes} products had the planned rate, and have their "
            "old one again."
            if is_right
            else "WRONG: the sandbox does not have what the campaign and its undo say."
        )
        return is_right

    def _rates(self) -> dict[int, str | None]:
        return {one: product["Rate"] for one, product in self._sandbox.products().items()}
