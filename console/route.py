"""A route, and the gate before each: who it is, whether they may, and whether they mean it."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from anyio.to_thread import run_sync
from redis.exceptions import RedisError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaigns import CampaignError
from console.parts import Console
from console.security.cookies import SESSION, cookie_of
from console.security.identity import Identity, Role, parse_grants
from console.security.sessions import Session
from console.security.users import UserFileError
from console.visit import NotFound, Refused, Visit
from revio_jobs.errors import InvalidJob, RevioError, Unavailable

Handler = Callable[[Visit], Response]

_log = structlog.get_logger()
_FORM_LIMITS = {"max_files": 1, "max_fields": 2000, "max_part_size": 1_000_000}
_FORGED = (
    "It was opened before you signed in, or by another page. Nothing was done: go back, reload "
    "the page and send it again."
)
_ELSEWHERE = (
    "It was sent from {}, and the console is at {}. Nothing was done: open that address, sign in "
    "there and send it again."
)
_AWAY = "Redis does not answer. What was stored is safe: try again in a moment. ({})"


@dataclass(frozen=True, slots=True)
class Page:
    """One route. Without roles anybody who has signed in may use it."""

    method: str
    path: str
    handler: Handler
    roles: tuple[Role, ...] = ()
    """Any of them is enough, in the account of the path."""
    is_public: bool = False

    def route(self, console: Console) -> Route:
        """For Starlette."""
        return Route(self.path, _endpoint(console, self), methods=[self.method])


def _endpoint(console: Console, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visit = await run_sync(admitted, console, page, request)
        if isinstance(visit, Response):
            return visit
        if page.method == "GET":
            return await run_sync(_answer, page.handler, visit)
        async with request.form(**_FORM_LIMITS) as form:
            visit = replace(visit, form=form)
            if why := _why_forged(request, page, visit):
                return message(visit, 403, "This form is no longer valid", why)
            return await run_sync(_answer, page.handler, visit)

    return endpoint


def admitted(console: Console, page: Page, request: Request) -> Visit | Response:
    """The visit, or why there is none. Nothing of the request's body is read before."""
    nobody = visit_of(console, request, None, None)
    try:
        visit = visit_of(console, request, *_who(console, request))
        return _refusal(page, visit) or visit
    except UserFileError as exc:
        _log.error("console_user_file", says=str(exc))
        return message(nobody, 503, "Users cannot be looked up", "Whoever runs this must look.")
    except RedisError as exc:
        return message(nobody, 503, "Not now", _AWAY.format(exc))


def _who(console: Console, request: Request) -> tuple[Identity | None, Session | None]:
    """Whoever the cookie names, with the roles that they have now. Raises RedisError."""
    cookie = request.cookies.get(cookie_of(SESSION, is_secure=console.is_secure), "")
    session = console.sessions.resume(cookie)
    if session is None:
        return None, None
    identity = identity_of(console, session)
    return (identity, session) if identity else (None, None)


def identity_of(console: Console, session: Session) -> Identity | None:
    """Whose session it is, with the roles that they have now; None if it counts no more.

    Raises UserFileError.
    """
    if session.source == "local":
        user = console.users.get(session.name)
        return user.identity if user and user.stamp == session.proof else None
    if session.source != console.settings.console_oidc_issuer or console.users.alike(session.name):
        return None
    return Identity(session.name, parse_grants(session.roles), session.source)


def _why_forged(request: Request, page: Page, visit: Visit) -> str:
    """Why the form is not of this session or comes from a page of another; "" if it is ours."""
    ours = visit.console.origin
    origin = request.headers.get("origin", ours)
    if origin != ours:
        return _FORGED if origin == "null" else _ELSEWHERE.format(origin, ours)
    if page.is_public:
        return ""
    token = visit.text("csrf").encode()
    is_ours = visit.session is not None and hmac.compare_digest(visit.session.csrf.encode(), token)
    return "" if is_ours else _FORGED


def _refusal(page: Page, visit: Visit) -> Response | None:
    if page.is_public:
        return None
    if visit.identity is None:
        if page.method == "GET":
            return RedirectResponse(
                f"/login?{urlencode({'next': visit.path})}", HTTPStatus.SEE_OTHER
            )
        says = "Your session has ended. Nothing was done: sign in and send it again."
        return message(visit, 401, "You are signed out", says)
    if not page.roles:
        return None
    account = visit.params.get("account", "")
    if (
        not visit.identity.may(Role.VIEWER, account)
        or account not in visit.console.settings.accounts
    ):
        return message(visit, 404, "Not found", f"You have no account {account}.")
    if not any(visit.identity.may(role, account) for role in page.roles):
        needed = " or ".join(page.roles)
        says = (
            f"It needs the role {needed} in account {account}; whoever runs the console gives it."
        )
        return message(visit, 403, "You may not do this", says)
    return None


def _answer(handler: Handler, visit: Visit) -> Response:
    try:
        return handler(visit)
    except NotFound as exc:
        return message(visit, 404, "Not found", str(exc))
    except (Refused, CampaignError, InvalidJob) as exc:
        return message(visit, 409, "Nothing was done", str(exc))
    except UserFileError as exc:
        _log.error("console_user_file", says=str(exc))
        return message(visit, 503, "Users cannot be looked up", "Whoever runs this must look.")
    except (Unavailable, RedisError) as exc:
        return message(visit, 503, "Not now", _AWAY.format(exc))
    except RevioError as exc:
        return message(visit, 409, "Nothing was done", str(exc))


def message(visit: Visit, status: int, title: str, says: str) -> Response:
    """A page that says one thing."""
    return visit.page("message.html.j2", status, title=title, code=status, lines=says.splitlines())


def visit_of(
    console: Console, request: Request, identity: Identity | None, session: Session | None
) -> Visit:
    """Of somebody, or of nobody who is known; without a form."""
    return Visit(
        console,
        request.url.path,
        request.path_params,
        request.query_params,
        FormData(),
        identity,
        session,
        request.cookies,
        request.client.host if request.client else "",
    )
