"""What the console is made of: settings, Redis, users, sessions, plans."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis

from campaigns.signing import SigningKey
from cli.campaign.session import CampaignSession, session_of
from cli.connection import redis_of
from cli.producer import app_of
from console.faults import ConsoleFault
from console.plans.pool import PlanningPool
from console.plans.shelf import Shelf
from console.security.login_limit import LoginLimit
from console.security.oidc import Provider, ProviderSettings
from console.security.sessions import SessionLimits, SessionStore
from console.security.users import UserFile
from revio_jobs import RevioJobs
from settings import Settings, secrets_dir
from worker.limiter import CallMinutes

_PORTS = {"http": 80, "https": 443}
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Console:
    """One console; shared by all its requests."""

    settings: Settings
    redis: Redis
    jobs: RevioJobs
    users: UserFile
    sessions: SessionStore
    login_limit: LoginLimit
    shelf: Shelf
    pool: PlanningPool
    secret: str
    provider: Provider | None = None
    clock: Callable[[], float] = field(default=time.time)
    call_minutes: dict[str, CallMinutes] = field(default_factory=dict)
    """By account; see `calls`."""

    @classmethod
    def of(cls, settings: Settings, users: UserFile | None = None) -> Console:
        """From the settings. `users`: the settings' file if omitted.

        Raises ConsoleFault and SettingsError.
        """
        if settings.console_secret is None:
            raise ConsoleFault(
                "REVIO_CONSOLE_SECRET is missing: it signs the cookies. Make one with\n"
                "  openssl rand -base64 32 | tr +/ -_"
            )
        _check_url(settings.console_url)
        _check_directory(settings.console_dir)
        secret = settings.console_secret.get_secret_value()
        redis, limits = redis_of(settings), _limits(settings)
        return cls(
            settings=settings,
            redis=redis,
            jobs=RevioJobs(app_of(settings), redis),
            users=users or UserFile(settings.console_users),
            sessions=SessionStore(redis, secret, limits),
            login_limit=LoginLimit(redis),
            shelf=Shelf(Path(settings.console_dir)),
            pool=PlanningPool(settings.console_planners, settings.console_planning_s),
            secret=secret,
            provider=_provider(settings, redis),
        )

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return urlsplit(self.settings.console_url).scheme == "https"

    @property
    def origin(self) -> str:
        """The scheme and host that browsers see, as they write them in a request."""
        parts = urlsplit(self.settings.console_url)
        usual = f":{_PORTS[parts.scheme]}"
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"

    def campaigns(self, account: str) -> CampaignSession:
        """Of an account of the settings. Raises RedisError."""
        return session_of(self.settings, self.redis, self.jobs, account, key=self.key)

    def calls(self, account: str) -> CallMinutes:
        """Of the last hour; all who look share what has been read."""
        made = CallMinutes(self.redis, account, clock=self.clock)
        return self.call_minutes.setdefault(account, made)

    @property
    def key(self) -> SigningKey:
        """Signs for whoever has signed in."""
        return SigningKey.derived(self.secret)


def _limits(settings: Settings) -> SessionLimits:
    return SessionLimits(settings.console_idle_s, settings.console_session_s)


def _provider(settings: Settings, redis: Redis) -> Provider | None:
    issuer, secret = settings.console_oidc_issuer, settings.console_oidc_client_secret
    if issuer is None:
        return None
    if secret is None:
        raise ConsoleFault(
            "REVIO_CONSOLE_OIDC_CLIENT_SECRET is missing: the issuer's console has it"
        )
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise ConsoleFault(f"REVIO_CONSOLE_OIDC_ISSUER: {issuer} is not an https address")
    return Provider(
        redis,
        ProviderSettings(
            issuer=issuer,
            client_id=settings.console_oidc_client_id,
            client_secret=secret.get_secret_value(),
            returns_to=f"{settings.console_url.rstrip('/')}/oidc/end",
            name_claim=settings.console_oidc_name_claim,
            roles_claim=settings.console_oidc_roles_claim,
        ),
    )


def _check_directory(directory: Path) -> None:
    """What people upload never lies where settings are read from, nor the reverse."""
    ours, secrets = directory.resolve(), secrets_dir()
    if secrets is None:
        return
    theirs = secrets.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise ConsoleFault(
            f"REVIO_CONSOLE_DIR: {directory} and the directory of secrets, {secrets}, lie one in "
            "the other: an upload could be read as a setting. Give the console a directory of its "
            "own, or set REVIO_SECRETS_DIR to another"
        )


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    is_local = parts.hostname in _LOCAL
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ConsoleFault(f"REVIO_CONSOLE_URL: {url!r} is not such as https://console.example.com")
    if parts.scheme == "http" and not is_local:
        raise ConsoleFault(
            f"REVIO_CONSOLE_URL: {url} would send passwords in the clear: give the https address "
            "of the proxy before the console"
        )
