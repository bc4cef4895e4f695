"""What the console does with too much, and with Redis away."""

from __future__ import annotations

from pathlib import Path

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


def test_redis_that_is_away_is_said_and_nobody_is_let_in(tmp_path: Path) -> None:
    console = console_of(settings_of(tmp_path, "redis://127.0.0.1:1/0"))
    visitor = Visitor.of(console)
    visitor.client.cookies.set("revio_session", console.sessions.signed("x"))
    answer = visitor.get("/a/default/campaigns")
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.text
