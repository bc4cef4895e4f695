"""A run's progress as server-sent events: a part of its page whenever that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from anyio.to_thread import run_sync
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.pages.runs import live_facts
from console.parts import Console
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
        shown, said_at = "", time.monotonic()
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
        feed.html, feed.has_ended = await run_sync(_read, visit)
        feed.read_at = time.monotonic()


def _read(visit: Visit) -> tuple[str, bool]:
    try:
        facts = live_facts(visit)
    except NotFound as exc:
        return render("run_away.html.j2", says=str(exc)), True
    except (RevioError, RedisError):
        return render("run_away.html.j2", says=_AWAY), False
    return render("run_live.html.j2", visit=visit, **facts), not facts["view"].goes_on


def _may_watch(visit: Visit) -> bool:
    """Whether the session that began this still goes on; watching does not keep it alive."""
    console: Console = visit.console
    try:
        return visit.session is not None and console.sessions.goes_on(visit.session)
    except RedisError:
        return True  # nobody can tell, and nothing is shown


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
