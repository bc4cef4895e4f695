"""What the console does with too much, and with Redis away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import structlog

from console.app import create_app
from tests.integration.console.visitor import Visitor, console_of, settings_of


def test_a_request_that_holds_too_much_is_refused_before_it_is_read(
    redis_url: str, tmp_path: Path
) -> None:
    console = console_of(settings_of(tmp_path, redis_url, console_upload_bytes=1000))
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    many = b"x" * 1_100_000
    form = {"content-type": "application/x-www-form-urlencoded"}
    for content in (many, iter([many[:600_000], many[600_000:]])):  # the second says no length
        answer = visitor.client.post("/a/default/plans", content=content, headers=form)
        assert answer.status_code == 413
        assert "Nothing was stored" in answer.text
        assert "content-security-policy" in answer.headers


def test_a_browser_that_leaves_in_the_midst_of_an_upload_is_no_fault_of_ours(
    redis_url: str, tmp_path: Path
) -> None:
    console = console_of(settings_of(tmp_path, redis_url))
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    messages = iter(
        [
            {"type": "http.request", "body": b"--x\r\nContent-Dispo", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/a/default/plans",
        "query_string": b"",
        "headers": [
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"cookie", cookies.encode()),
        ],
    }

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(_: Any) -> None:
        """To nobody."""

    with structlog.testing.capture_logs() as logs:
        asyncio.run(create_app(console)(scope, receive, send))
    assert [log["event"] for log in logs] == ["console_form_cut_off"]


def test_redis_that_is_away_is_said_and_nobody_is_let_in(tmp_path: Path) -> None:
    console = console_of(settings_of(tmp_path, "redis://127.0.0.1:1/0"))
    visitor = Visitor.of(console)
    visitor.client.cookies.set("revio_session", console.sessions.signed("x"))
    answer = visitor.get("/a/default/campaigns")
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.text
