"""Every route of the console refuses whoever may not use it, and everything carries its headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from console.parts import Console
from console.route import Page
from console.routes import PAGES
from console.security.headers import POLICY
from console.security.identity import Role
from sandbox.local.embedded_redis import EmbeddedRedis
from tests.integration.console.visitor import ROLES, URL, Visitor, console_of, settings_of

PROTECTED = [page for page in PAGES if not page.is_public]
EVENTS = Page("GET", "/a/{account}/runs/{run}/events", lambda _: None, (Role.VIEWER,))  # type: ignore[arg-type,return-value]
NAMES = {"plan": "0" * 20, "run": "r", "file": "f", "job": "j", "lane": "bulk", "token": "t"}


def path_of(page: Page, account: str = "default") -> str:
    return page.path.format(account=account, **NAMES)


def named(page: Page) -> str:
    return f"{page.method} {page.path}"


@pytest.fixture(scope="module")
def console(redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Console:
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
    return console_of(settings_of(tmp_path_factory.mktemp("console"), redis_server.url))


@pytest.fixture(scope="module")
def visitors(console: Console) -> Iterator[dict[str, Visitor]]:
    made = {role: Visitor.of(console) for role in ROLES}
    for role, visitor in made.items():
        assert visitor.sign_in(role).headers["location"] == "/"
    yield made
    for visitor in made.values():
        visitor.client.close()


@pytest.mark.parametrize("page", [*PROTECTED, EVENTS], ids=named)
def test_nobody_uses_a_route_without_signing_in(console: Console, page: Page) -> None:
    answer = Visitor.of(console).client.request(page.method, path_of(page))
    if page.method == "GET":
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")
    else:
        assert answer.status_code == 401
        assert "Nothing was done" in answer.text


@pytest.mark.parametrize("page", [page for page in PROTECTED if page.roles], ids=named)
def test_a_route_refuses_every_role_but_its_own(visitors: dict[str, Visitor], page: Page) -> None:
    for role, visitor in visitors.items():
        may = Role.VIEWER in page.roles or Role(role) in page.roles
        form = {"csrf": visitor.csrf} if page.method == "POST" else None
        answer = visitor.client.request(page.method, path_of(page), data=form)
        assert (answer.status_code == 403) is not may, (role, answer.text)
        assert answer.status_code < 500, (role, answer.text)


@pytest.mark.parametrize("page", [page for page in PROTECTED if page.roles], ids=named)
def test_a_route_does_not_tell_whether_another_account_exists(
    visitors: dict[str, Visitor], page: Page
) -> None:
    for account in ("east", "nowhere"):
        visitor = visitors["planner"]
        answer = visitor.client.request(page.method, path_of(page, account))
        assert answer.status_code == 404
        assert f"no account {account}" in answer.text


@pytest.mark.parametrize("page", [page for page in PROTECTED if page.method == "POST"], ids=named)
@pytest.mark.parametrize(
    ("csrf", "origin"), [("", URL), ("wrong", URL), ("right", "https://evil.example")]
)
def test_a_form_without_the_sessions_token_does_nothing(
    visitors: dict[str, Visitor], page: Page, csrf: str, origin: str
) -> None:
    role = page.roles[0].value if page.roles else "viewer"
    visitor = visitors[role]
    form = {"csrf": visitor.csrf if csrf == "right" else csrf, "reason": "because"}
    answer = visitor.client.post(path_of(page), data=form, headers={"origin": origin})
    assert answer.status_code == 403
    assert "no longer valid" in answer.text


def test_all_pages_that_decide_something_are_posts_with_a_role() -> None:
    assert all(page.roles for page in PROTECTED if page.path.startswith("/a/"))
    assert not [page.path for page in PAGES if page.method not in {"GET", "POST"}]


@pytest.mark.parametrize(
    "path", ["/", "/login", "/a/default/campaigns", "/nowhere", "/static/console.css", "/health"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(
    visitors: dict[str, Visitor], path: str
) -> None:
    headers = visitors["viewer"].get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_a_page_holds_no_script_and_no_style_of_its_own(visitors: dict[str, Visitor]) -> None:
    page = visitors["planner"].get("/a/default/plans/new").text
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick" not in page
    assert page.count("<script") == page.count("<script src=") == 2
