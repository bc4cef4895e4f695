"""An account's campaign runs: how many, how far they are, and whether they move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from campaigns.plan.forecast import BulkBudget
from campaigns.results.eta import eta, pace
from campaigns.rows.ended_row import RowOutcome
from campaigns.run.state import Status
from campaigns.store import RunView
from cli.exporter.family import Family, Sample
from cli.status.account_status import AccountStatus

RUNS = Family(
    "revio_campaign_runs",
    "The account's 50 newest runs and all others that have not ended, by status.",
    ("account", "status"),
)
ROWS = Family(
    "revio_campaign_run_rows", "Rows of a run that has not ended, or halted.", ("account", "run")
)
ENDED = Family(
    "revio_campaign_run_ended_rows",
    "Its rows that have ended, by outcome.",
    ("account", "run", "outcome"),
)
PACE = Family("revio_campaign_run_rows_per_minute", "How many of its rows end.", ("account", "run"))
LEFT = Family(
    "revio_campaign_run_left_seconds",
    "Seconds until it is probably done; only of a run that goes on.",
    ("account", "run"),
)
STATE = Family(
    "revio_campaign_run_status", "1 for the status that it has.", ("account", "run", "status")
)
STUCK = Family(
    "revio_campaign_run_stuck",
    "1 while it should go on and no worker carries it forward.",
    ("account", "run"),
)
WAITS = Family(
    "revio_campaign_run_waits",
    "1 while it sends nothing for a known reason: a closed lane, its hours, a missing worker.",
    ("account", "run"),
)
FAILS = Family(
    "revio_campaign_run_fails",
    "1 while a worker tries to carry it on in vain: by a defect, or since Rev.io refuses to have "
    "its products read.",
    ("account", "run"),
)
LAST_ENDED = Family(
    "revio_campaign_run_last_row_timestamp_seconds",
    "When a row of it last ended, to the minute; only if one has in the last half hour.",
    ("account", "run"),
)

FAMILIES = (RUNS, ROWS, ENDED, PACE, LEFT, STATE, STUCK, WAITS, FAILS, LAST_ENDED)


def run_samples(account_status: AccountStatus, ids_per_call: int) -> Iterator[Sample]:
    """Samples of one account's runs that have not ended."""
    account = account_status.account
    statuses = Counter(view.state.status for view in account_status.all_runs)
    for status in Status:
        yield RUNS.sample(statuses[status], account, status.value)
    budget = account_status.limits.bulk_budget(ids_per_call)
    for view in account_status.runs:
        yield from _of_run(account, view, budget)


def _of_run(account: str, view: RunView, budget: BulkBudget) -> Iterator[Sample]:
    state, run = view.state, view.state.spec.run
    yield ROWS.sample(state.spec.rows, account, run)
    for outcome in RowOutcome:
        yield ENDED.sample(state.counts.get(outcome, 0), account, run, outcome.value)
    yield PACE.sample(pace(view, budget.now) or 0.0, account, run)
    for status in Status:
        yield STATE.sample(state.status is status, account, run, status.value)
    yield STUCK.sample(view.goes_on and not view.is_fed, account, run)
    # What fails is no reason to wait: RevioCampaignStalled must tell of it.
    yield WAITS.sample(view.has_reason_to_wait, account, run)
    yield FAILS.sample(view.step_fails or view.read_is_refused, account, run)
    if left := eta(view, budget):
        yield LEFT.sample(left.seconds, account, run)
    if view.pace:
        yield LAST_ENDED.sample((max(view.pace) + 1) * 60, account, run)
