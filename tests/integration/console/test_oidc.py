"""Signing in by a real OpenID Connect provider, which `make browser` installs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from console.faults import ConsoleFault
from console.parts import Console
from console.security.identity import parse_grants
from tests.integration.console.visitor import PASSWORD, Visitor, console_of, settings_of

provider = pytest.importorskip("oidc_provider_mock", reason="make browser installs it")

# Of the provider, which runs in this process.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")

GROUPS = ["staff", "revio:default:approver", "revio:default:king", "revio:east:viewer"]
PEOPLE = {
    "bob": {"email": "bob@example.com", "email_verified": True, "groups": GROUPS},
    "eve": {"email": "eve@example.com", "email_verified": False, "groups": GROUPS},
    "ann": {"email": "ann@example.com", "email_verified": True},
    "odd": {"email": "odd <b>name</b>", "email_verified": True},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    users = [provider.User(sub=name, claims=claims) for name, claims in PEOPLE.items()]
    with (
        pytest.MonkeyPatch.context() as patch,
        provider.run_server_in_thread(user_claims=users) as server,
    ):
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # it serves on this machine alone
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def console(issuer: str, redis_url: str, tmp_path: Path) -> Console:
    oidc = {"console_oidc_issuer": issuer, "console_oidc_client_secret": "s"}
    return console_of(settings_of(tmp_path, redis_url, **oidc))


def consent(visitor: Visitor, name: str, target: str = "/tokens") -> str:
    """The path to which the provider sends the browser back."""
    begun = visitor.get(f"/oidc/begin?next={target}")
    assert begun.status_code == 303
    address = begun.headers["location"]
    assert "code_challenge_method=S256" in address
    answer = httpx2.post(address, data={"sub": name}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"]).partition("8070")[2]


def test_somebody_signs_in_with_the_roles_that_the_provider_lists(console: Console) -> None:
    visitor = Visitor.of(console)
    assert console.settings.console_oidc_issuer
    assert console.settings.console_oidc_issuer in visitor.get("/login").text
    answer = visitor.get(consent(visitor, "bob"))
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/tokens"
    page = visitor.get("/a/default/campaigns").text
    assert "bob@example.com" in page
    assert visitor.get("/a/default/plans/new").status_code == 403
    assert visitor.get("/a/east/campaigns").status_code == 200


def test_what_the_provider_said_counts_once_and_in_one_browser(console: Console) -> None:
    visitor, thief = Visitor.of(console), Visitor.of(console)
    path = consent(visitor, "bob")
    cookies = dict(visitor.client.cookies)
    assert "did not begin" in thief.get(path).text
    assert visitor.get(path).status_code == 303

    again = Visitor.of(console)
    again.client.cookies.update(cookies)
    answer = again.get(path)
    assert answer.status_code == 403
    assert "it was tried before" in answer.text


@pytest.mark.parametrize(
    ("name", "says"),
    [("eve", "has not verified"), ("odd", "no usable email")],
)
def test_a_name_that_is_not_proved_signs_nobody_in(console: Console, name: str, says: str) -> None:
    visitor = Visitor.of(console)
    answer = visitor.get(consent(visitor, name))
    assert answer.status_code == 403
    assert says in answer.text
    assert visitor.get("/tokens").status_code == 303


def test_somebody_without_a_role_is_told_who_gives_one(console: Console) -> None:
    visitor = Visitor.of(console)
    assert visitor.get(consent(visitor, "ann", "/")).status_code == 303
    page = visitor.get("/")
    assert page.status_code == 404
    assert "no role in any account" in page.text


def test_a_name_that_a_local_user_has_is_refused(console: Console) -> None:
    console.users.add("bob@example.com", PASSWORD, parse_grants(["default:planner"]))
    visitor = Visitor.of(console)
    answer = visitor.get(consent(visitor, "bob"))
    assert answer.status_code == 403
    assert "local user is called bob@example.com" in answer.text


def test_a_provider_that_is_away_is_said(redis_url: str, tmp_path: Path) -> None:
    oidc = {"console_oidc_issuer": "http://127.0.0.1:1", "console_oidc_client_secret": "s"}
    visitor = Visitor.of(console_of(settings_of(tmp_path, redis_url, **oidc)))
    answer = visitor.get("/oidc/begin")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"issuer": "http://id.example.com", "client_secret": "s"}, "not an https address"),
        ({"issuer": "https://id.example.com"}, "CLIENT_SECRET is missing"),
    ],
)
def test_a_provider_that_is_not_safe_stops_the_start(
    redis_url: str, tmp_path: Path, given: dict[str, str], says: str
) -> None:
    oidc = {f"console_oidc_{name}": value for name, value in given.items()}
    settings = settings_of(tmp_path, redis_url, **oidc)
    with pytest.raises(ConsoleFault, match=says):
        Console.of(settings)
