"""Signing in by OpenID Connect: the authorization code flow with PKCE, state and nonce."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from redis import Redis

from console.security.identity import NAME, parse_grants

_PREFIX = "revio:console:oidc:"
_PATIENCE_S = 600
_TIMEOUT_S = 10.0
_ROLE_PREFIX = "revio:"
_ALGORITHMS = ["RS256", "PS256", "ES256", "RS384", "ES384", "RS512", "ES512"]
"""Signatures by a key that the provider alone has."""
_USED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcError(Exception):
    """Nobody is signed in; the text may be shown to whoever tried."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """As the operator has them."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    returns_to: str
    """The console's address to which the provider sends people back."""
    name_claim: str = "email"
    roles_claim: str = "groups"


@dataclass(frozen=True, slots=True)
class Begun:
    """Somebody is on their way to the provider."""

    address: str
    state: str


@dataclass(frozen=True, slots=True)
class ProvedPerson:
    """For whom the provider vouches."""

    name: str
    issuer: str
    roles: tuple[str, ...]
    """`account:role` each."""
    target: str
    """Where they wanted to go."""


@dataclass(frozen=True, slots=True)
class _Trip:
    """What is remembered of somebody at the provider."""

    nonce: str
    verifier: str
    target: str


class Provider:
    """One issuer. Methods raise OidcError and RedisError."""

    def __init__(self, redis: Redis, settings: ProviderSettings) -> None:
        self._redis = redis
        self._settings = settings

    def begin(self, target: str) -> Begun:
        """The address of the provider's page, and the state that comes back from it."""
        trip = _Trip(secrets.token_urlsafe(24), secrets.token_urlsafe(48), target)
        metadata = self._metadata
        try:
            with self._client() as client:
                address, state = client.create_authorization_url(
                    metadata["authorization_endpoint"],
                    code_verifier=trip.verifier,
                    nonce=trip.nonce,
                )
        except OAuthError as exc:
            raise OidcError(f"The provider's address cannot be used: {exc}") from exc
        self._redis.set(_PREFIX + state, json.dumps(asdict(trip)), ex=_PATIENCE_S)
        return Begun(str(address), str(state))

    def finish(self, state: str, code: str) -> ProvedPerson:
        """Who came back with that state and code. Each state counts once."""
        stored: Any = self._redis.getdel(_PREFIX + state)
        if not stored:
            raise OidcError("Please try again: it took too long, or it was tried before.")
        if not code:
            raise OidcError("The provider has not signed you in.")
        trip = _Trip(**json.loads(stored))
        claims = self._claims(code, trip)
        name = str(claims.get(self._settings.name_claim) or "")
        if not NAME.fullmatch(name):
            raise OidcError(f"The provider gives no usable {self._settings.name_claim} for you.")
        # Some providers say it as a text.
        is_verified = str(claims.get("email_verified", True)).lower() == "true"
        if self._settings.name_claim == "email" and not is_verified:
            raise OidcError(f"The provider has not verified the address {name}.")
        return ProvedPerson(name, self._settings.issuer, self._roles(claims), trip.target)

    def _claims(self, code: str, trip: _Trip) -> Mapping[str, Any]:
        """Of the ID token, whose signature, issuer, audience, age and nonce were checked."""
        try:
            with self._client() as client:
                token = client.fetch_token(
                    self._metadata["token_endpoint"], code=code, code_verifier=trip.verifier
                )
            keys = httpx2.get(self._metadata["jwks_uri"], timeout=_TIMEOUT_S)
            keys.raise_for_status()
            decoded = jwt.decode(
                str(token.get("id_token", "")),
                KeySet.import_key_set(keys.json()),
                algorithms=_ALGORITHMS,
            )
            jwt.JWTClaimsRegistry(
                leeway=60,
                iss={"essential": True, "value": self._metadata["issuer"]},
                aud={"essential": True, "value": self._settings.client_id},
                exp={"essential": True},
                nonce={"essential": True, "value": trip.nonce},
            ).validate(decoded.claims)
        except (OAuthError, JoseError, httpx2.HTTPError, ValueError) as exc:
            raise OidcError(f"The provider's answer does not count: {exc}") from exc
        except (LookupError, TypeError, AttributeError) as exc:
            raise OidcError("The provider's answer is not as OpenID Connect has it.") from exc
        return decoded.claims

    def _roles(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that are ours; a group that only looks like one is left out."""
        groups = claims.get(self._settings.roles_claim) or []
        if not isinstance(groups, list):
            return ()
        ours = [
            str(g).removeprefix(_ROLE_PREFIX) for g in groups if str(g).startswith(_ROLE_PREFIX)
        ]
        return tuple(text for text in ours if _is_grant(text))

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._settings.client_id,
            self._settings.client_secret,
            scope="openid email profile",
            redirect_uri=self._settings.returns_to,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
        )

    @cached_property
    def _metadata(self) -> Mapping[str, str]:
        address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = httpx2.get(address, timeout=_TIMEOUT_S)
            answer.raise_for_status()
            metadata = answer.json()
        except (httpx2.HTTPError, ValueError) as exc:
            raise OidcError(f"The provider cannot be reached: {exc}") from exc
        if not (
            isinstance(metadata, dict) and all(isinstance(metadata.get(n), str) for n in _USED)
        ):
            raise OidcError(f"{address} does not describe a provider: it needs {', '.join(_USED)}")
        if metadata["issuer"].rstrip("/") != self._settings.issuer.rstrip("/"):
            raise OidcError(f"{address} speaks for another issuer: {metadata['issuer']}")
        return metadata


def _is_grant(text: str) -> bool:
    try:
        parse_grants([text])
    except ValueError:
        return False
    return True
