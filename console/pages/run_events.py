"""A run's progress as server-sent events: a part of its page whenever that changes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from anyio.to_thread import run_sync
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from campaigns.store import RunView
from console.pages.runs import live_facts, steps_of
from console.parts import Console
from console.route import identity_of
from console.security.identity import Role
from console.security.users import UserFileError
from console.templating import render
from console.visit import NotFound, Visit
from revio_jobs.errors import RevioError

_INTERVAL_S = 1.0
_SIGN_OF_LIFE_S = 15.0
_SESSION_CHECK_S = 4.0
_AWAY = "Redis does not answer; the page goes on by itself when it does."


@dataclass
class _Feed:
    """What is shown of one run; all its watchers share one reading."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_at: float = -1e9
    html: str = ""
    view: RunView | None = None
    """None while nobody can tell."""
    has_ended: bool = False
    watchers: int = 0


class RunEvents:
    """Of one console."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[str, str], _Feed] = {}

    def respond(self, request: Request, visit: Visit) -> Response:
        """Until the run has ended, the watcher leaves or their session ends."""
        return StreamingResponse(
            self._events(request, visit),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, request: Request, visit: Visit) -> AsyncIterator[str]:
        feed = self._feeds.setdefault((visit.account, visit.params["run"]), _Feed())
        feed.watchers += 1
        shown, standing, said_at = "", "", time.monotonic()
        asked_at = said_at  # the session was good when the request came
        try:
            while not await request.is_disconnected():
                now = time.monotonic()
                if now - asked_at > _SESSION_CHECK_S:
                    asked_at = now
                    if not await run_sync(_may_watch, visit):
                        yield _event("gone", "")
                        return
                await _refresh(feed, visit)
                if feed.html != shown:
                    shown, said_at = feed.html, now
                    yield _event("progress", shown)
                elif now - said_at > _SIGN_OF_LIFE_S:
                    said_at = now
                    yield ": still here\n\n"
                if (
                    feed.view
                    and feed.view.state.digest != standing
                    and (steps := await run_sync(_steps, visit, feed.view))
                ):
                    standing = feed.view.state.digest
                    yield _event("steps", steps)
                if feed.has_ended:
                    yield _event("ended", "")
                    return
                await asyncio.sleep(_INTERVAL_S)
        finally:
            feed.watchers -= 1
            self._feeds = {key: kept for key, kept in self._feeds.items() if kept.watchers}


async def _refresh(feed: _Feed, visit: Visit) -> None:
    async with feed.lock:
        if time.monotonic() - feed.read_at < _INTERVAL_S:
            return
        feed.html, feed.view, feed.has_ended = await run_sync(_read, visit)
        feed.read_at = time.monotonic()


def _read(visit: Visit) -> tuple[str, RunView | None, bool]:
    try:
        facts = live_facts(visit)
    except NotFound as exc:
        return render("run_away.html.j2", says=str(exc)), None, True
    except (RevioError, RedisError):
        return render("run_away.html.j2", says=_AWAY), None, False
    return render("run_live.html.j2", visit=visit, **facts), facts["view"], facts["is_over"]


def _steps(visit: Visit, view: RunView) -> str:
    """The buttons of this watcher alone: their forms carry the session's token."""
    try:
        facts = steps_of(visit, view)
    except (RevioError, RedisError):
        return ""
    once = secrets.token_urlsafe(16)
    time = visit.campaigns.campaigns.terms.time
    return render(
        "run_steps.html.j2",
        visit=visit,
        view=view,
        run=view.state.spec.run,
        time=time,
        once=once,
        **facts,
    )


def _may_watch(visit: Visit) -> bool:
    """Whether whoever began this still may; watching does not keep their session alive."""
    console: Console = visit.console
    try:
        if visit.session is None or not console.sessions.goes_on(visit.session):
            return False
        identity = identity_of(console, visit.session)
        return identity is not None and identity.may(Role.VIEWER, visit.account)
    except UserFileError:
        return False
    except RedisError:
        return True  # nobody can tell, and nothing is shown


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
