"""A run's page: whose buttons it has, and that it follows what others do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from campaigns import Person
from campaigns.run.state import Status
from console.pages import run_events
from console.parts import Console
from console.route import Page, admitted
from console.routes import PAGES
from console.security.cookies import SESSION, cookie_of
from console.security.identity import Role, parse_grants
from console.visit import Visit
from tests.integration.account_place import begin_run
from tests.integration.console.visitor import ROLES, Visitor, console_of, settings_of, value_of
from tests.patience import PATIENCE_S

RUN = "june-0123456789"
PATH = f"/a/default/runs/{RUN}"
BOB = Person("bob", "because")


@pytest.fixture
def console(redis_url: str, tmp_path: Path) -> Iterator[Console]:
    """With a run of one row that nobody feeds."""
    made = console_of(settings_of(tmp_path, redis_url))
    begin_run(made.redis, RUN)
    yield made
    made.pool.close()


@pytest.fixture
def visitors(console: Console) -> dict[str, Visitor]:
    visitors = {role: Visitor.of(console) for role in ROLES}
    for role, visitor in visitors.items():
        visitor.sign_in(role)
    return visitors


@pytest.mark.parametrize("status", ["running", "paused", "cancelled"])
def test_a_page_has_the_buttons_that_its_routes_let_somebody_use(
    console: Console, visitors: dict[str, Visitor], status: str
) -> None:
    campaigns = console.campaigns("default").campaigns
    if status != "running":
        {"paused": campaigns.pause, "cancelled": campaigns.cancel}[status](RUN, BOB)
    steps = {
        "running": {"pause", "set", "cancel"},
        "paused": {"resume", "set", "cancel", "retry", "undo"},
        "cancelled": {"retry", "undo"},
    }[status]
    routes = {page.path.rpartition("/")[2]: page.roles for page in PAGES if "{run}/" in page.path}
    for role, visitor in visitors.items():
        buttons = set(re.findall(rf'action="{PATH}/(\w+)"', visitor.get(PATH).text))
        assert buttons == {step for step in steps if Role(role) in routes[step]}, role


def test_an_operator_pauses_and_resumes_a_run(visitors: dict[str, Visitor]) -> None:
    bob = visitors["operator"]
    for step, status in (("pause", "paused: because"), ("resume", "<td>running</td>")):
        page = bob.get(PATH).text
        form = {"reason": "because"} | (
            {"read": value_of(page, "read")} if step == "resume" else {}
        )
        assert bob.post(f"{PATH}/{step}", form).status_code == 303
        assert status in bob.get(PATH).text


def test_a_run_that_stands_otherwise_than_was_read_is_not_resumed(
    console: Console, visitors: dict[str, Visitor]
) -> None:
    bob, campaigns = visitors["operator"], console.campaigns("default").campaigns
    campaigns.pause(RUN, Person("ann", "month end"))
    read = value_of(bob.get(PATH).text, "read")
    assert campaigns.resume(RUN, BOB) == "paused: month end"
    campaigns.pause(RUN, Person("ann", "wrong prices"))
    for unread in ({"read": read}, {}):
        late = bob.post(f"{PATH}/resume", {"reason": "month end is over"} | unread)
        assert late.status_code == 409
        assert "is paused: wrong prices" in late.text
    assert campaigns.view(RUN).state.status is Status.PAUSED
    form = {"reason": "as agreed", "read": value_of(bob.get(PATH).text, "read")}
    assert bob.post(f"{PATH}/resume", form).status_code == 303
    assert campaigns.view(RUN).state.status is Status.RUNNING


def test_a_mistake_in_a_runs_pace_changes_nothing_and_keeps_the_form(
    console: Console, visitors: dict[str, Visitor]
) -> None:
    typed = {"rate": "300", "priority": "high", "start": "2020-01-01T00:00", "reason": "so <i>"}
    for wrong, field in (({}, "start"), ({"rate": "fast", "start": ""}, "rate")):
        answer = visitors["operator"].post(f"{PATH}/set", typed | wrong)
        assert answer.status_code == 422
        assert f'id="{field}-fault"' in answer.text
        assert "selected>high" in answer.text
        assert "so &lt;i&gt;</textarea>" in answer.text
    campaigns = console.campaigns("default").campaigns
    assert campaigns.view(RUN).state.rate is None  # not the half of it either
    form = {"rate": "300", "at_once": "yes", "reason": "because"}
    assert visitors["operator"].post(f"{PATH}/set", form).status_code == 303
    assert campaigns.view(RUN).state.rate == 300


def test_a_page_that_is_open_follows_each_decision_until_the_run_is_over(
    console: Console, visitors: dict[str, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_events, "_INTERVAL_S", 0.01)
    campaigns = console.campaigns("default").campaigns
    campaigns.pause(RUN, BOB)
    assert 'data-events="' in visitors["viewer"].get(PATH).text

    async def watched() -> None:
        events = _watch(console, visitors["planner"])
        assert "paused" in await _next(events, "progress")
        steps = await _next(events, "steps")
        assert f"{PATH}/resume" in steps
        assert f"{PATH}/pause" not in steps
        assert visitors["planner"].csrf in steps
        campaigns.resume(RUN, BOB)
        assert "running" in await _next(events, "progress")
        steps = await _next(events, "steps")
        assert f"{PATH}/pause" in steps
        assert f"{PATH}/resume" not in steps
        assert "<td>resume</td>" in steps
        campaigns.cancel(RUN, BOB)
        assert "cancelled" in await _next(events, "progress")
        assert f"{PATH}/undo" in await _next(events, "steps")

    asyncio.run(asyncio.wait_for(watched(), PATIENCE_S))


def test_whoever_has_lost_their_roles_watches_no_more(
    console: Console, visitors: dict[str, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_events, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(run_events, "_SESSION_CHECK_S", 0.0)

    async def watched() -> None:
        events = _watch(console, visitors["viewer"])
        await _next(events, "progress")
        console.users.set_grants("viewer", parse_grants(["east:viewer"]))
        while (event := str(await anext(events))) != "event: gone\ndata: \n\n":
            assert event.startswith((":", "event: steps"))

    asyncio.run(asyncio.wait_for(watched(), PATIENCE_S))


def _watch(console: Console, visitor: Visitor) -> AsyncIterator[Any]:
    """The events of somebody's page."""

    async def receive() -> dict[str, str]:
        return await asyncio.Future()

    cookie = cookie_of(SESSION, is_secure=False)
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{PATH}/events",
        "path_params": {"account": "default", "run": RUN},
        "query_string": b"",
        "headers": [(b"cookie", f"{cookie}={visitor.client.cookies[cookie]}".encode())],
    }
    request = Request(scope, receive)
    page = Page("GET", "", lambda _: None, (Role.VIEWER,))  # type: ignore[arg-type,return-value]
    visit = admitted(console, page, request)
    assert isinstance(visit, Visit)
    response = run_events.RunEvents().respond(request, visit)
    assert isinstance(response, StreamingResponse)
    return aiter(response.body_iterator)


async def _next(events: AsyncIterator[Any], name: str) -> str:
    """The next event, which must be of that name."""
    event = str(await anext(events))
    while event.startswith(":"):
        event = str(await anext(events))
    assert event.startswith(f"event: {name}\n"), event
    return event
