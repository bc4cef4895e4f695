"""Personal tokens: by them the command line proves whose decisions it carries."""

from __future__ import annotations

import hashlib
import re
import secrets
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from campaigns.business_time import BusinessTime
from campaigns.signing import SigningKey
from campaigns.store.signers import SignerRecord, Signers
from console.visit import NotFound, Refused, Visit

_DAY_S = 86_400
_MOST_DAYS = 90
_MADE = "revio:console:token-made:"
_ONCE = (
    "This form has made its token before. It was shown then and is kept nowhere: if you have not "
    "kept it, revoke it below and make another."
)


def list_tokens(visit: Visit) -> Response:
    """The person's own."""
    return _page(visit, "")


def make_token(visit: Visit) -> Response:
    """Its private half is shown once and kept nowhere."""
    days, note = visit.text("days"), visit.text("note")
    if not (re.fullmatch("[0-9]{1,2}", days) and 1 <= int(days) <= _MOST_DAYS):
        raise Refused(f"A token lives for 1 to {_MOST_DAYS} days.")
    if not note:
        raise Refused("Say what the token is for, so that you know which one to revoke.")
    if not _is_first(visit):
        return _page(visit, "", _ONCE)
    identity = visit.identity
    assert identity is not None  # noqa: S101 - the gate lets nobody else through
    key, now = SigningKey(visit.name, secrets.token_bytes(32)), visit.console.clock()
    roles = [f"{account}:{role}" for account, held in identity.grants.items() for role in held]
    record = SignerRecord(
        key.id,
        visit.name,
        key.public.hex(),
        now + int(days) * _DAY_S,
        tuple(sorted(roles)),
        note[:200],
        now,
    )
    Signers(visit.console.redis).add(record)
    return _page(visit, key.token)


def revoke_token(visit: Visit) -> Response:
    """What it has signed before still counts."""
    signers, token = Signers(visit.console.redis), visit.params["token"]
    record = signers.get(token)
    if record is None or record.name != visit.name:
        raise NotFound("You have no such token.")
    signers.revoke(token, visit.console.clock())
    return RedirectResponse("/tokens", HTTPStatus.SEE_OTHER)


def _is_first(visit: Visit) -> bool:
    """Whether the form comes for the first time, and not by a reload of the page that answered it.

    A redirect would have to keep the token somewhere in between.
    """
    once = visit.text("once")
    if not once:
        raise Refused("The form is incomplete: reload its page.")
    form = hashlib.sha256(f"{visit.name}\n{once}".encode()).hexdigest()
    lives_s = visit.console.settings.console_session_s  # no form outlives its session
    return bool(visit.console.redis.set(f"{_MADE}{form}", 1, nx=True, ex=lives_s))


def _page(visit: Visit, made: str, says: str = "") -> Response:
    return visit.page(
        "tokens.html.j2",
        made=made,
        says=says,
        tokens=Signers(visit.console.redis).of(visit.name),
        now=visit.console.clock(),
        time=BusinessTime(),
        most_days=_MOST_DAYS,
    )
