"""Signing in and out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http import HTTPStatus

import structlog
from itsdangerous import BadSignature, Signer
from starlette.responses import RedirectResponse, Response

from console.parts import Console
from console.security.cookies import SESSION, SIGN_IN, cookie_of, delete_cookie, set_cookie
from console.security.oidc import OidcError, Provider
from console.security.sessions import Session
from console.visit import NotFound, Visit

_log = structlog.get_logger()
_NO_COOKIE = (
    "Your browser has sent no cookie back. Open the console at {}, and allow its cookies there."
)


def home(visit: Visit) -> Response:
    """To the first account that the person may look at."""
    known = [name for name in _accounts(visit) if name in visit.console.settings.accounts]
    if not known:
        raise NotFound("You have no role in any account yet: whoever runs the console gives one.")
    return RedirectResponse(f"/a/{known[0]}/campaigns", HTTPStatus.SEE_OTHER)


def _accounts(visit: Visit) -> list[str]:
    return visit.identity.accounts() if visit.identity else []


def show_sign_in(visit: Visit) -> Response:
    """The form; whoever has signed in goes on."""
    target = local_path(visit.query.get("next", "/"))
    if visit.identity:
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)
    return _form(visit, target)


def sign_in(visit: Visit) -> Response:
    """With a name and a password of the users' file."""
    console, target = visit.console, local_path(visit.text("next"))
    name, password = visit.text("name"), str(visit.form.get("password", ""))
    if not visit.cookies.get(_sign_in_cookie(console)):
        return _form(visit, target, 403, _NO_COOKIE.format(console.origin))
    if not _is_bound(visit, visit.text("token")):
        return _form(visit, target, 403, "Please try again: the form was too old.")
    if wait_s := console.login_limit.wait_s(name, visit.address):
        _log.warning("console_sign_in_limited", name=name, address=visit.address)
        minutes = -(-wait_s // 60)
        return _form(visit, target, 429, f"Too many tries. Try again in {minutes} minutes.")
    user = console.users.get(name)
    # Also where there is no such user: an answer takes as long as for another.
    identity = console.users.authenticate(name, password)
    if user is None or identity is None:
        _log.warning("console_sign_in_refused", name=name, address=visit.address)
        return _form(visit, target, 401, "That name and password do not belong together.")
    console.login_limit.forget(name, visit.address)
    _log.info("console_signed_in", name=name, address=visit.address)
    session = console.sessions.begin(name, "local", proof=user.stamp)
    return begin_session(console, session, target)


def begin_session(console: Console, session: Session, target: str) -> Response:
    """Hand the browser its cookie."""
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    value = console.sessions.cookie(session)
    set_cookie(response, SESSION, value, is_secure=console.is_secure)
    delete_cookie(response, SIGN_IN, is_secure=console.is_secure)
    return response


def begin_elsewhere(visit: Visit) -> Response:
    """To the provider, where people sign in with what they use elsewhere."""
    target = local_path(visit.query.get("next", "/"))
    try:
        begun = _provider(visit).begin(target)
    except OidcError as exc:
        _log.error("console_oidc_unreachable", says=str(exc))
        return _form(visit, target, 503, str(exc))
    response = RedirectResponse(begun.address, HTTPStatus.SEE_OTHER)
    signed = _signer(visit.console).sign(begun.state).decode()
    set_cookie(response, SIGN_IN, signed, is_secure=visit.console.is_secure)
    return response


def end_elsewhere(visit: Visit) -> Response:
    """Back from the provider, in the browser that went there."""
    state = visit.query.get("state", "")
    if not _is_bound(visit, state):
        return _form(visit, "/", 403, "Please try again: this browser did not begin to sign in.")
    try:
        person = _provider(visit).finish(state, visit.query.get("code", ""))
    except OidcError as exc:
        error = visit.query.get("error", "")[:200]  # the provider's own word for it
        _log.warning("console_oidc_refused", says=str(exc), error=error, address=visit.address)
        return _form(visit, "/", 403, str(exc))
    if namesake := visit.console.users.alike(person.name):
        _log.error("console_oidc_name_taken", name=person.name)
        return _form(visit, "/", 403, f"A local user is called {namesake.name}, too.")
    _log.info("console_signed_in", name=person.name, issuer=person.issuer, address=visit.address)
    session = visit.console.sessions.begin(person.name, person.issuer, person.roles)
    return begin_session(visit.console, session, person.target)


def _provider(visit: Visit) -> Provider:
    if visit.console.provider is None:
        raise NotFound("Nobody signs in by a provider here.")
    return visit.console.provider


def sign_out(visit: Visit) -> Response:
    """End the session here and in Redis."""
    if visit.session:
        visit.console.sessions.end(visit.session)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    delete_cookie(response, SESSION, is_secure=visit.console.is_secure)
    return response


def local_path(text: str) -> str:
    r"""A path of ours to go to; anything else, such as //elsewhere or /\elsewhere, is the start."""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_ours and "\\" not in text else "/"


def _form(visit: Visit, target: str, status: int = 200, says: str = "") -> Response:
    token = secrets.token_urlsafe(24)
    response = visit.page(
        "sign_in.html.j2",
        status,
        says=says,
        target=target,
        token=token,
        name=visit.text("name"),
        provider=visit.console.settings.console_oidc_issuer,
    )
    signed = _signer(visit.console).sign(token).decode()
    set_cookie(response, SIGN_IN, signed, is_secure=visit.console.is_secure)
    return response


def _is_bound(visit: Visit, given: str) -> bool:
    """Whether this very browser was given it."""
    cookie = visit.cookies.get(_sign_in_cookie(visit.console), "")
    try:
        token = _signer(visit.console).unsign(cookie)
    except BadSignature:
        return False
    return hmac.compare_digest(token, given.encode())


def _sign_in_cookie(console: Console) -> str:
    return cookie_of(SIGN_IN, is_secure=console.is_secure)


def _signer(console: Console) -> Signer:
    return Signer(console.secret, salt="revio.console.sign-in", digest_method=hashlib.sha256)
