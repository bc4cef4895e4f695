"""What a provider answers otherwise than it should signs nobody in, and says so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from console.parts import Console
from tests.integration.console.visitor import Visitor, console_of, settings_of

KEY = ECKey.generate_key("P-256", auto_kid=True)
CLAIMS = {"email": "bob@example.com", "email_verified": True, "groups": ["revio:default:viewer"]}


@dataclass
class Provider:
    """Answers by path; the ID token is made of `claims` when it is asked for."""

    issuer: str = ""
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: dict(CLAIMS))
    answers: dict[str, Any] = field(default_factory=dict)

    def answer(self, path: str) -> Any:
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                places = {"authorization_endpoint": "auth", "token_endpoint": "token"}
                places |= {"jwks_uri": "keys"}
                urls = {name: f"{self.issuer}/{place}" for name, place in places.items()}
                return {"issuer": self.issuer, **urls}
            case "/keys":
                return KeySet([KEY]).as_dict(private=False)
            case _:
                about = {"iss": self.issuer, "aud": "revio-console", "exp": time.time() + 60}
                token = jwt.encode(
                    {"alg": "ES256"}, {**about, "nonce": self.nonce, **self.claims}, KEY
                )
                return {"access_token": "a", "token_type": "Bearer", "id_token": token}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # it serves on this machine alone
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.answer(urlsplit(self.path).path)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the server calls it so

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.issuer = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def console(provider: Provider, redis_url: str, tmp_path: Path) -> Console:
    oidc = {"console_oidc_issuer": provider.issuer, "console_oidc_client_secret": "s"}
    return console_of(settings_of(tmp_path, redis_url, **oidc))


def comes_back(visitor: Visitor, provider: Provider) -> Any:
    begun = visitor.get("/oidc/begin")
    assert begun.status_code == 303, begun.text
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    provider.nonce = query["nonce"][0]
    return visitor.get(f"/oidc/end?code=c&state={query['state'][0]}")


@pytest.mark.parametrize("is_verified", [True, "true"])
def test_an_address_that_the_provider_has_verified_signs_in(
    console: Console, provider: Provider, is_verified: object
) -> None:
    provider.claims["email_verified"] = is_verified
    visitor = Visitor.of(console)
    assert comes_back(visitor, provider).status_code == 303
    assert "bob@example.com" in visitor.get("/a/default/campaigns").text


@pytest.mark.parametrize("is_verified", [False, "false", "no", None])
def test_an_address_that_it_has_not_verified_does_not_however_it_says_so(
    console: Console, provider: Provider, is_verified: object
) -> None:
    provider.claims["email_verified"] = is_verified
    answer = comes_back(Visitor.of(console), provider)
    assert answer.status_code == 403
    assert "has not verified" in answer.text


def test_the_same_name_in_capitals_is_the_local_user(console: Console, provider: Provider) -> None:
    provider.claims["email"] = "Planner"
    answer = comes_back(Visitor.of(console), provider)
    assert answer.status_code == 403
    assert "local user is called planner" in answer.text


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/keys", {}),
        ("/keys", []),
        ("/keys", {"keys": [{"kty": "new"}]}),
        ("/token", []),
        ("/token", {"access_token": "a", "token_type": "Bearer"}),
        ("/token", {"id_token": "a.b.c"}),
    ],
)
def test_an_answer_that_is_none_is_no_fault_of_the_console(
    console: Console, provider: Provider, path: str, answer: object
) -> None:
    provider.answers[path] = answer
    response = comes_back(Visitor.of(console), provider)
    assert response.status_code == 403
    assert "The provider&#39;s answer" in response.text


@pytest.mark.parametrize("answer", [{}, [], {"issuer": 1}, "down for maintenance"])
def test_a_description_that_is_none_is_said(
    console: Console, provider: Provider, answer: object
) -> None:
    provider.answers["/.well-known/openid-configuration"] = answer
    response = Visitor.of(console).get("/oidc/begin")
    assert response.status_code == 503
    assert "does not describe a provider" in response.text
