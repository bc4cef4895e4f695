"""Updates that failed for good: found, looked at, tried again, discarded."""

from __future__ import annotations

from functools import partial
from itertools import islice

from starlette.responses import Response

from cli.dead.dead import not_to_be_retried
from cli.dead.dead_tables import letter_document
from cli.producer import app_of
from console.decision_log import DecisionLog
from console.pages.unknown_outcome import look_at, settle_as_seen
from console.visit import NotFound, Refused, Visit
from revio_jobs.contracts import CHANGE_NAMES
from revio_jobs.errors import OutcomeUnknown
from revio_jobs.message import encode_message
from worker.ledger import DeadLetter, DeadLetters, Wanted
from worker.ledger.dead_letter_counter import DeadLetterCounter

_SHOWN = 100


def list_dead(visit: Visit) -> Response:
    """The newest first, of one kind of error or of all."""
    error = visit.query.get("error", "")
    letters = letters_of(visit).find(visit.account, Wanted(error or None))
    return visit.page(
        "dead.html.j2",
        letters=list(islice(letters, _SHOWN)),
        counts=DeadLetterCounter(visit.console.redis, visit.account).count(),
        error=error,
        shown=_SHOWN,
        time=visit.campaigns.campaigns.terms.time,
    )


def show_dead(visit: Visit) -> Response:
    """One, with its payload and its history; with `look` also the product as it is now."""
    letter = _letter(visit)
    return visit.page(
        "dead_letter.html.j2",
        letter=letter,
        facts=letter_document(letter),
        wanted=changes_in_words(letter),
        expected=letter.payload.get("expected") or {},
        is_unknown=isinstance(letter.error, OutcomeUnknown),
        left_because=not_to_be_retried(letter, even_unknown=True),
        look=look_at(visit, letter) if visit.query.get("look") else None,
        time=visit.campaigns.campaigns.terms.time,
        flower=visit.console.settings.console_flower_url,
    )


def changes_in_words(letter: DeadLetter) -> dict[str, object]:
    """What the update was to write, by field."""
    written = {name: letter.payload[name] for name in CHANGE_NAMES if name in letter.payload}
    return {**written, **dict.fromkeys(letter.payload.get("clear") or (), "(empty)")}


def retry(visit: Visit) -> Response:
    """As a new job in the bulk lane; of two clicks there is one job."""
    letter = _letter(visit)
    if why := not_to_be_retried(letter, even_unknown=visit.is_checked("even_unknown")):
        raise Refused(f"Not retried: {why}.")
    retried = letters_of(visit).retry(letter)
    if retried.why_not:
        raise Refused(f"Not retried: {retried.why_not}.")
    job = retried.job_id
    return _noted(visit, f"retry dead letter {letter.job_id} as {job}", f"jobs?job={job}")


def discard(visit: Visit) -> Response:
    """Forget it; the job's outcome and key stay as they are."""
    letter = _letter(visit)
    if not visit.text("reason"):
        raise Refused("To discard a dead letter needs a reason.")
    if not letters_of(visit).discard(visit.account, letter.job_id):
        raise Refused("Somebody has settled, retried or discarded it meanwhile.")
    return _noted(visit, f"discard dead letter {letter.job_id}", "dead")


def settle(visit: Visit) -> Response:
    """Of unknown outcome, as the person has seen the product, if it still looks so."""
    letter, letters = _letter(visit), letters_of(visit)
    if not visit.text("reason"):
        raise Refused("To settle an outcome needs a reason.")
    settle_as_seen(visit, letter, letters)
    return _noted(visit, f"settle {letter.job_id} as applied", f"jobs?job={letter.job_id}")


def _noted(visit: Visit, what: str, then: str) -> Response:
    log = DecisionLog(visit.console.redis, visit.account)
    log.note(visit.name, what, visit.text("reason"))
    return visit.go(then)


def _letter(visit: Visit) -> DeadLetter:
    job = visit.params["job"]
    letter = letters_of(visit).get(visit.account, job)
    if letter is None:
        raise NotFound(
            f"There is no dead letter of job {job}: somebody has retried or discarded it, or it "
            "was kept for its time. The log of decisions under Operations tells."
        )
    return letter


def letters_of(visit: Visit) -> DeadLetters:
    """Of all accounts."""
    app = app_of(visit.console.settings)
    return DeadLetters(visit.console.redis, partial(encode_message, app))
