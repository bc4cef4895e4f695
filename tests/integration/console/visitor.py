"""Somebody at the console, without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from starlette.testclient import TestClient

from console.app import create_app
from console.parts import Console
from console.security.identity import parse_grants
from console.security.users import UserFile
from settings import Settings

ACCOUNT = {
    "endpoint": "http://127.0.0.1:1/v20/default.asmx",
    "username": "u",
    "password": "p",
    "client_code": "c",
    "subscription_key": "k",
}
PASSWORD = "correct horse battery"
ROLES = ("viewer", "planner", "approver", "operator")
SEE_OTHER = 303
URL = "http://127.0.0.1:8070"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def settings_of(directory: Path, redis_url: str, **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "redis_url": redis_url,
            "accounts": {"default": ACCOUNT, "east": ACCOUNT},
            "console_secret": Fernet.generate_key().decode(),
            "console_url": URL,
            "console_dir": directory / "console",
            "console_users": directory / "users.json",
            **more,
        }
    )


def console_of(settings: Settings) -> Console:
    """With a user of each role, called by it, in account default."""
    users = UserFile(settings.console_users, CHEAP)
    for role in ROLES:
        users.add(role, PASSWORD, parse_grants([f"default:{role}"]))
    return Console.of(settings, users)


@dataclass
class Visitor:
    """One browser."""

    client: TestClient
    csrf: str = ""

    @classmethod
    def of(cls, console: Console, address: str = "10.0.0.1") -> Visitor:
        app = create_app(console)
        return cls(
            TestClient(
                app, URL, follow_redirects=False, client=(address, 1), raise_server_exceptions=False
            )
        )

    def sign_in(self, name: str, password: str = PASSWORD, target: str = "/") -> Any:
        token = value_of(self.client.get("/login").text, "token")
        form = {"name": name, "password": password, "token": token, "next": target}
        answer = self.client.post("/login", data=form)
        if answer.status_code == SEE_OTHER:
            self.csrf = value_of(self.get("/a/default/campaigns").text, "csrf")
        return answer

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(
        self, path: str, form: Mapping[str, str | list[str]] | None = None, **more: Any
    ) -> Any:
        return self.client.post(path, data={"csrf": self.csrf, **(form or {})}, **more)


def value_of(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    return found[1] if found else ""
