"""An account's limits, lanes, workers and balance; lanes paused and resumed."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from starlette.responses import Response

from cli.jobs.explain import explanation
from cli.jobs.job_status import Lookup
from cli.limits.lane import try_refused_account
from cli.producer import app_of
from cli.status.reading import read_account
from cli.status.redis_concerns import redis_concerns
from console.decision_log import DecisionLog
from console.pages.call_plot import LANES, plot_calls
from console.pages.dead_letters import changes_in_words, letters_of
from console.visit import NotFound, Refused, Visit
from revio_jobs import Lane, UpdateResult
from revio_jobs.contracts import job_id_of
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.results import ResultStore
from worker.ledger import Auditor, latest_withdrawals
from worker.limiter import LanePauses, Pause

_DECISIONS = 50
_WITHDRAWALS = 20


def show_operations(visit: Visit) -> Response:
    """What `revio status` and `revio limits` show."""
    console, account = visit.console, visit.account
    status = read_account(console.settings, console.redis, account)
    time = visit.campaigns.campaigns.terms.time
    minutes = console.calls(account).latest()
    return visit.page(
        "operations.html.j2",
        account_status=status,
        usage=status.limits.usage,
        concerns=[*redis_concerns(console.redis.info()), *status.concerns()],
        decisions=DecisionLog(console.redis, account).latest(_DECISIONS),
        minutes=minutes,
        plot=plot_calls(minutes, status.limits.usage.minute_limit, time),
        lanes=LANES,
        time=time,
        never=math.inf,
        flower=console.settings.console_flower_url,
    )


def pause_lane(visit: Visit) -> Response:
    """Within about a second no worker takes jobs from it."""
    lane, reason, pauses = _lane(visit), _reason(visit), LanePauses(visit.console.redis)
    ours = Pause(reason, visit.name, datetime.now(UTC))
    if not pauses.pause_if_open(visit.account, lane, ours):
        pause = pauses.get(visit.account, lane) or ours
        raise Refused(f"{pause.by} has paused lane {lane} already: {pause.reason}")
    return _noted(visit, f"pause lane {lane}", reason)


def resume_lane(visit: Visit) -> Response:
    """Also tries an account that the vendor has refused once more."""
    lane, reason = _lane(visit), _reason(visit)
    pauses = LanePauses(visit.console.redis)
    if not pauses.resume_as_read(visit.account, lane, visit.text("read")):
        pause = pauses.get(visit.account, lane)
        raise Refused(
            f"Somebody has paused lane {lane}, or given another reason, since you opened the page: "
            f"{pause.reason if pause else 'look at it again'}"
        )
    try_refused_account(visit.console.redis, visit.account)
    return _noted(visit, f"resume lane {lane}", reason)


def _noted(visit: Visit, what: str, reason: str) -> Response:
    DecisionLog(visit.console.redis, visit.account).note(visit.name, what, reason)
    return visit.go("operations")


def _lane(visit: Visit) -> Lane:
    if visit.params["lane"] not in set(Lane):
        raise NotFound(f"There is no lane {visit.params['lane']}.")
    return Lane(visit.params["lane"])


def _reason(visit: Visit) -> str:
    if reason := visit.text("reason"):
        return reason
    raise Refused("Give a reason: everybody who asks why jobs wait is shown it.")


def find_job(visit: Visit) -> Response:
    """What a job waits for now, by its ID or its idempotency key."""
    job, key = visit.query.get("job", "").strip(), visit.query.get("key", "").strip()
    console, account = visit.console, visit.account
    wanted = job or (job_id_of(account, key) if key else "")
    explained = explanation(console.settings, console.redis, account, wanted) if wanted else None
    letter = letters_of(visit).get(account, wanted) if wanted else None
    return visit.page(
        "job.html.j2",
        job=job,
        key=key,
        explained=explained,
        letter=letter,
        was_to_change=changes_in_words(letter) if letter else {},
        keys_kept_s=console.settings.key_retention_s,
        result=_result(visit, wanted) if wanted and not letter else None,
        time=visit.campaigns.campaigns.terms.time,
        flower=console.settings.console_flower_url,
    )


def _result(visit: Visit, job: str) -> UpdateResult | None:
    """Of an update of this account that has ended well, as long as it is kept.

    Celery's results are found by the job alone, and an ID follows from an account and a key: the
    ledger tells whose the job is.
    """
    redis = visit.console.redis
    if not redis.exists(LedgerKeys(visit.account).record(job)):
        return None
    status = Lookup(redis, ResultStore(app_of(visit.console.settings), redis)).status(
        visit.account, job
    )
    return status.result if isinstance(status.result, UpdateResult) else None


def show_audit(visit: Visit) -> Response:
    """Proves that no accepted update is missing, or names what does not add up."""
    redis, account = visit.console.redis, visit.account
    return visit.page(
        "audit.html.j2",
        audit=Auditor(redis, account).audit(),
        withdrawals=latest_withdrawals(redis, account, _WITHDRAWALS),
    )
