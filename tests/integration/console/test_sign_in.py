"""Signing in to the console: cookies, limits, and where one goes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.faults import ConsoleFault
from console.parts import Console
from console.security.identity import parse_grants
from tests.integration.console.visitor import (
    PASSWORD,
    Visitor,
    console_of,
    settings_of,
    value_of,
)


@pytest.fixture
def console(redis_url: str, tmp_path: Path) -> Console:
    return console_of(settings_of(tmp_path, redis_url))


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(console: Console) -> None:
    answer = Visitor.of(console).sign_in("planner")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(
    redis_url: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, redis_url, console_url="https://console.example.com")
    visitor = Visitor.of(console_of(settings))
    visitor.client.base_url = "https://console.example.com"  # type: ignore[assignment]
    answer = visitor.sign_in("planner")
    assert "__Host-revio_session=" in answer.headers["set-cookie"]
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_wrong_password_and_a_wrong_name_sound_alike(console: Console) -> None:
    answers = [
        Visitor.of(console).sign_in(name, password)
        for name, password in (("planner", "wrong"), ("nobody", "wrong"))
    ]
    assert {answer.status_code for answer in answers} == {401}
    says = {answer.text.split('role="alert">')[1].split("<")[0] for answer in answers}
    assert says == {"That name and password do not belong together."}


def test_guessing_ends_after_ten_tries_even_with_the_right_password(console: Console) -> None:
    visitor = Visitor.of(console)
    for _ in range(10):
        assert visitor.sign_in("planner", "wrong").status_code == 401
    answer = visitor.sign_in("planner")
    assert answer.status_code == 429
    assert "Try again in 15 minutes" in answer.text
    assert Visitor.of(console, "10.0.0.2").sign_in("viewer").status_code == 303


def test_a_sign_in_form_of_another_browser_signs_nobody_in(console: Console) -> None:
    token = value_of(Visitor.of(console).get("/login").text, "token")
    victim = Visitor.of(console)
    form = {"name": "planner", "password": "correct horse battery", "token": token, "next": "/"}
    assert victim.client.post("/login", data=form).status_code == 403


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/a/default/campaigns", "/a/default/campaigns"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(
    console: Console, target: str, goes_to: str
) -> None:
    answer = Visitor.of(console).sign_in("viewer", target=target)
    assert answer.headers["location"] == goes_to


def test_signing_out_ends_the_session_for_whoever_has_its_cookie(console: Console) -> None:
    visitor = Visitor.of(console)
    visitor.sign_in("viewer")
    cookies = dict(visitor.client.cookies)
    assert visitor.post("/logout").status_code == 303
    again = Visitor.of(console)
    again.client.cookies.update(cookies)
    assert again.get("/a/default/campaigns").headers["location"].startswith("/login")


def test_roles_and_users_that_are_taken_away_end_at_once(console: Console) -> None:
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    assert visitor.get("/a/default/plans/new").status_code == 200
    console.users.set_grants("planner", parse_grants(["default:viewer"]))
    assert visitor.get("/a/default/plans/new").status_code == 403
    console.users.remove("planner")
    assert visitor.get("/a/default/campaigns").status_code == 303


def test_a_new_password_ends_the_sessions_that_the_old_one_began(console: Console) -> None:
    visitor = Visitor.of(console)
    visitor.sign_in("planner")
    console.users.set_password("planner", "another long one")
    assert visitor.get("/a/default/campaigns").headers["location"].startswith("/login")
    assert visitor.sign_in("planner", "another long one").status_code == 303
    assert visitor.get("/a/default/campaigns").status_code == 200


def test_a_session_of_a_provider_ends_with_the_provider(console: Console) -> None:
    session = console.sessions.begin("eve", "https://id.example.com", ("default:approver",))
    visitor = Visitor.of(console)
    visitor.client.cookies.set("revio_session", console.sessions.cookie(session))
    assert visitor.get("/a/default/campaigns").headers["location"].startswith("/login")


def test_many_people_sign_in_from_one_address(console: Console) -> None:
    for _ in range(60):
        assert Visitor.of(console).sign_in("viewer").status_code == 303


def test_whoever_comes_by_another_address_is_told_the_consoles(console: Console) -> None:
    visitor = Visitor.of(console)
    token = value_of(visitor.get("/login").text, "token")
    form = {"name": "planner", "password": PASSWORD, "token": token, "next": "/"}
    origin = {"origin": "http://localhost:8070"}
    answer = visitor.client.post("/login", data=form, headers=origin)
    assert answer.status_code == 403
    assert "sent from http://localhost:8070, and the console is at http://127.0.0.1" in answer.text
    visitor.client.cookies.clear()
    answer = visitor.client.post("/login", data=form)
    assert answer.status_code == 403
    assert "Open the console at http://127.0.0.1:8070, and allow its cookies" in answer.text


def test_a_damaged_file_of_users_lets_nobody_in_and_shows_nothing_of_it(console: Console) -> None:
    console.settings.console_users.write_text("{secret")
    answer = Visitor.of(console).sign_in("planner")
    assert answer.status_code == 503
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("console_secret", None, "REVIO_CONSOLE_SECRET is missing"),
        ("console_url", "http://console.example.com", "in the clear"),
        ("console_url", "console.example.com", "not such as https://"),
    ],
)
def test_the_console_does_not_start_with_settings_that_are_not_safe(
    redis_url: str, tmp_path: Path, setting: str, value: object, says: str
) -> None:
    with pytest.raises(ConsoleFault, match=says):
        Console.of(settings_of(tmp_path, redis_url, **{setting: value}))
