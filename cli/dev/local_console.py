"""The console of a local stack, with people of each role who can sign in."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from revio_jobs.contracts import DEFAULT_ACCOUNT

PEOPLE: Mapping[str, tuple[str, ...]] = {"ann": ("planner",), "bob": ("approver", "operator")}
"""Their roles, by name."""


@dataclass(frozen=True)
class LocalConsole:
    """At a free port, with a password that nobody else knows."""

    directory: Path
    port: int
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    _secret: str = field(
        default_factory=lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(), repr=False
    )

    @property
    def url(self) -> str:
        """Where browsers reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """That serves it."""
        return [*_COMMAND, f"--port={self.port}"]

    @property
    def environment(self) -> dict[str, str]:
        """The console's settings, besides those of the stack."""
        return {
            "REVIO_CONSOLE_SECRET": self._secret,
            "REVIO_CONSOLE_URL": self.url,
            "REVIO_CONSOLE_DIR": str(self.directory / "console"),
            "REVIO_CAMPAIGN_FOUR_EYES": "true",
            **self.shared_environment,
        }

    @property
    def shared_environment(self) -> dict[str, str]:
        """Those of its settings with which `python -m console user` edits its users."""
        return {"REVIO_CONSOLE_USERS": str(self.directory / "console-users.json")}

    def add_users(self, environment: Mapping[str, str]) -> None:
        """Those who can sign in. `environment`: the stack's. Raises CalledProcessError."""
        for name, roles in PEOPLE.items():
            grants = [f"{DEFAULT_ACCOUNT}:{role}" for role in roles]
            subprocess.run(  # noqa: S603 - our own command
                [*_COMMAND, "user", "add", name, *grants],
                input=self.password.encode(),
                env={**environment, **self.environment},
                cwd=self.directory,
                check=True,
            )

    def __str__(self) -> str:
        """Where it is, and who can sign in."""
        people = " or ".join(f"{name} ({', '.join(roles)})" for name, roles in PEOPLE.items())
        return f"{self.url}, as {people}, password {self.password}"


_COMMAND = (sys.executable, "-m", "console")
