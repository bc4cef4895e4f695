"""A run: watched, steered, reported, tried again and taken back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from campaigns import Campaigns, Person
from campaigns.errors import NotAllowedError
from campaigns.results.eta import eta, pace
from campaigns.results.row_results import GROUPS, some_failures
from campaigns.run.request import WEIGHTS
from campaigns.run.state import Status
from campaigns.store import FEEDER, RunView
from cli.campaign.control import rate_of
from cli.campaign.options import start_time
from cli.campaign.run_tables import top_errors
from console.pages.plan_asking import ask_from_run
from console.pages.plan_faults import pace_faults
from console.pages.run_relations import relations_of
from console.security.identity import Role
from console.visit import NotFound, Refused, Visit

_FAILURES = 20
_FAILED = (*GROUPS["failed"], *GROUPS["drifted"])
STEERERS = (Role.PLANNER, Role.OPERATOR)
"""Any of these roles pauses, resumes, cancels and re-rates a run."""


def show_run(visit: Visit) -> Response:
    """All of it as it is now; the browser then hears of changes."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, **form: Any) -> Response:  # noqa: ANN401 - what was typed
    """`form`: what a form was sent with, and its faults."""
    facts = live_facts(visit)
    view: RunView = facts["view"]
    store = visit.campaigns.campaigns.store
    return visit.page(
        "run.html.j2",
        status,
        **facts,
        **(steps_of(visit, view) | form),
        plan=visit.console.shelf.of_run(visit.account, view.state.spec.run),
        relations=relations_of(visit, view),
        failures=some_failures(store, view.state.spec, _FAILURES),
        failure_count=sum(view.state.counts.get(name, 0) for name in _FAILED),
    )


def steps_of(visit: Visit, view: RunView) -> dict[str, Any]:
    """What somebody may do about a run that is like that, and what was decided."""
    status = view.state.status
    return {
        "can_steer": visit.may_any(STEERERS),
        "can_pause": status is Status.RUNNING,
        "can_resume": status in {Status.PAUSED, Status.HALTED},
        "can_cancel": status in {Status.RUNNING, Status.PAUSED, Status.HALTED},
        "is_at_rest": status is not Status.RUNNING,
        "priorities": WEIGHTS,
        "faults": {},
        "typed": None,
        "decisions": visit.campaigns.campaigns.audit(view.state.spec.run),
    }


def live_facts(visit: Visit) -> dict[str, Any]:
    """What changes while somebody watches. Raises NotFound."""
    session, run = visit.campaigns, visit.params["run"]
    try:
        view = session.campaigns.view(run)
    except NotAllowedError as exc:
        raise NotFound(f"There is no run {run}, or it was kept for its time and has gone.") from exc
    budget = session.budget()
    counts = view.state.counts
    return {
        "view": view,
        "run": run,
        "is_over": view.state.status in {Status.DONE, Status.CANCELLED} and not view.goes_on,
        "ended": sum(counts.values()),
        "rows": view.state.spec.rows,
        "left": eta(view, budget),
        "pace": pace(view, budget.now),
        "budget": budget,
        "errors": top_errors(view),
        "time": session.campaigns.terms.time,
        "now": budget.now,
    }


def pause(visit: Visit) -> Response:
    """Within seconds nothing of the run is sent any more."""
    return _decide(visit, Campaigns.pause)


def resume(visit: Visit) -> Response:
    """Also after a halt, by whoever has read why."""

    def go_on(campaigns: Campaigns, run: str, person: Person) -> None:
        campaigns.resume(run, person, visit.text("read"))

    return _decide(visit, go_on)


def cancel(visit: Visit) -> Response:
    """For good."""
    return _decide(visit, Campaigns.cancel)


def set_pace(visit: Visit) -> Response:
    """Calls per minute, priority and start: those that are given, or none of them."""
    rate, priority, start = visit.text("rate"), visit.text("priority"), visit.text("start")
    if visit.is_checked("at_once"):
        start = "now"
    terms, now = visit.campaigns.campaigns.terms, visit.console.clock()
    faults = pace_faults(rate, priority, start, terms, now)
    if faults:
        return _page(visit, HTTPStatus.UNPROCESSABLE_ENTITY, faults=faults, typed=visit.text)

    def change(campaigns: Campaigns, run: str, person: Person) -> None:
        if rate:
            campaigns.set_rate(run, rate_of(rate), person)
        if priority:
            campaigns.set_priority(run, priority, person)
        if start:
            campaigns.set_start(run, start_time(start, terms.time), person)

    return _decide(visit, change)


def _decide(visit: Visit, decision: Callable[[Campaigns, str, Person], None]) -> Response:
    """Whoever comes too late hears what somebody else has decided meanwhile."""
    campaigns, run = visit.campaigns.campaigns, visit.params["run"]
    try:
        decision(campaigns, run, visit.person())
    except NotAllowedError as exc:
        latest = [entry for entry in campaigns.audit(run) if entry.by != FEEDER][-1:]
        time = campaigns.terms.time
        heard = [
            f"The latest decision: {e.what} by {e.by} at {time.show(e.at)}: {e.reason}"
            for e in latest
        ]
        raise Refused("\n".join([str(exc), *heard])) from exc
    return visit.go(f"runs/{run}")


def retry(visit: Visit) -> Response:
    """A new plan of rows that failed or were not processed."""
    return ask_from_run(visit, "retry", visit.params["run"])


def undo(visit: Visit) -> Response:
    """A new plan that takes back what the run wrote."""
    return ask_from_run(visit, "undo", visit.params["run"])


def report(visit: Visit) -> Response:
    """What became of each row: files in the form of the input, a workbook and a page, as a ZIP."""
    run = visit.params["run"]
    directory = TemporaryDirectory(prefix="revio-report-")
    root = Path(directory.name)
    try:
        visit.campaigns.campaigns.report(run, root / "report")
        archive = root / "report.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted((root / "report").iterdir()):
                file.write(path, path.name)
    except BaseException:
        directory.cleanup()
        raise
    return FileResponse(
        archive,
        media_type="application/zip",
        filename=f"{run}-report.zip",
        background=BackgroundTask(directory.cleanup),
    )
