"""The console as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from campaigns.store.signers import Signers
from console.pages import runs
from console.pages.run_events import RunEvents
from console.parts import Console
from console.route import Page, admitted, message, visit_of
from console.routes import PAGES
from console.security.headers import BodyLimit, SecurityHeaders
from console.security.identity import Role

_log = structlog.get_logger()
_FORM_BYTES = 1_000_000
"""What a form holds beside its file."""
_TITLES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: "The file is too large"}


def create_app(console: Console) -> ASGIApp:
    """Serves the pages, and carries on what an earlier console had begun to plan."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_sync(_carry_on, console)
        yield
        console.pool.close()

    upload = console.settings.console_upload_bytes
    most = upload + _FORM_BYTES
    static = StaticFiles(packages=[("console", "static")])
    app = Starlette(
        routes=[
            Route("/health", _health),
            Route("/a/{account}/runs/{run}/events", _events(console)),
            *(page.route(console) for page in PAGES),
            Mount("/static", static),
        ],
        exception_handlers={
            HTTPException: _refused(console),
            ClientDisconnect: _left,
            Exception: _failed(console),
        },
        lifespan=lifespan,
    )
    # Outermost, so that what the framework answers to a fault has the headers, too.
    return SecurityHeaders(BodyLimit(app, most, upload), is_secure=console.is_secure)


def _carry_on(console: Console) -> None:
    Signers(console.redis).add_console(console.key)
    console.shelf.sweep(console.clock())
    for record in console.shelf.unplanned():
        console.pool.plan(record)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")


def _events(console: Console) -> Callable[[Request], Awaitable[Response]]:
    events = RunEvents()
    page = Page("GET", "", runs.show_run, (Role.VIEWER,))

    async def endpoint(request: Request) -> Response:
        visit = await run_sync(admitted, console, page, request)
        return visit if isinstance(visit, Response) else events.respond(request, visit)

    return endpoint


def _refused(console: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What the framework refuses: an unknown address, a wrong method, a form that is too large."""

    async def handle(request: Request, exc: Exception) -> Response:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        says = exc.detail if isinstance(exc, HTTPException) else ""
        if status == HTTPStatus.NOT_FOUND:
            says = "No page has this address."
        visit = visit_of(console, request, None, None)
        title = _TITLES.get(status, HTTPStatus(status).phrase.capitalize())
        return message(visit, status, title, says)

    return handle


async def _left(request: Request, _: Exception) -> Response:
    """The browser has gone before all of its form was here: no fault, and nobody to answer."""
    _log.info("console_form_cut_off", path=request.url.path)
    return PlainTextResponse("", HTTPStatus.BAD_REQUEST)


def _failed(console: Console) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A fault of ours: the log has it, a person is told what they need to know."""

    async def handle(request: Request, exc: Exception) -> Response:
        _log.error("console_failed", path=request.url.path, exc_info=exc)
        visit = visit_of(console, request, None, None)
        says = "The console's log has the details. Look at the page again before you repeat it."
        return message(visit, 500, "Something went wrong", says)

    return handle
