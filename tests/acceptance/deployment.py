"""Runs what docker-compose.yml describes as local processes, without a container engine.

Command lines, variables, secrets, health checks and the image's content are those of the files.
Replaced are only a container's directories by temporary ones, its ports by free ones, `redis` by
this machine, and its host name by the service's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import yaml
from dotenv import dotenv_values

from cli.dev.service import Service
from sandbox.local.embedded_redis import find_program, free_port
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")

_PORTS = ("6379", "8080", "5555", "9808", "8070")


def image_copies() -> dict[str, str]:
    """Sources in the checkout by their place in the image's /app."""
    found = re.findall(r"^COPY ([\w/]+) \./(\w+)$", DOCKERFILE, re.MULTILINE)
    return {place: source for source, place in found}


def _instruction(pattern: str) -> str:
    (found,) = re.findall(pattern, DOCKERFILE, re.MULTILINE)
    return str(found)


@dataclass(frozen=True)
class Place:
    """Where on this machine the containers' directories and ports are."""

    root: Path
    ports: Mapping[str, int]

    def here(self, text: str, service: str = "") -> str:
        """A command line or value of the files, as it is right on this machine."""
        replacements = {
            "redis:6379": f"127.0.0.1:{self.ports['6379']}",
            "/run/secrets": str(self.secrets(service)),
            "/var/cache/revio": str(self.root / "cache"),
            "/var/lib/revio": str(self.root / "lib"),
            "/tmp/heartbeat": str(self.root / "heartbeat" / service),
            "/venv": str(self.root / "venv"),
            "/app": str(self.app),
            "%h": service,
            "$(hostname)": service,
            **{port: str(free) for port, free in self.ports.items()},
        }
        pattern = "|".join(map(re.escape, replacements))
        return re.sub(pattern, lambda match: replacements[match[0]], text)

    @property
    def app(self) -> Path:
        return self.root / "app"

    def secrets(self, service: str) -> Path:
        return self.root / "secrets" / service

    def build_image(self) -> None:
        """Does what the Dockerfile does, as far as it is not about users."""
        for place, source in image_copies().items():
            copytree(ROOT / source, self.app / place)
        copy(ROOT / "requirements-run.lock", self.root)
        subprocess.run(
            ["/bin/sh", "-c", self.here(_instruction(r"^RUN (python -m venv .*)$"))],
            cwd=self.root,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )


@dataclass(frozen=True)
class Container:
    """One service of the file."""

    name: str
    place: Place
    variables: Mapping[str, str]

    @property
    def described(self) -> dict[str, Any]:
        return SERVICES[self.name]

    def service(self) -> Service:
        command = [self._here(word) for word in self.described["command"]]
        if self.name == "redis":
            port = str(self.place.ports["6379"])
            command = [find_program(), *command[1:], "--port", port, "--bind", "127.0.0.1"]
        return Service(self.name, command, self.environment(), self.place.app)

    def environment(self) -> dict[str, str]:
        values = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        if self.described.get("build"):
            values |= dict(pair.split("=", 1) for pair in _instruction(r"^ENV (.*)$").split())
        if self.described.get("env_file"):
            values |= self.variables
        values |= self.described.get("environment", {})
        if self.name == "redis":
            values["PATH"] += f":{Path(find_program()).parent}"
        return {name: self._here(value) for name, value in values.items()}

    def is_healthy(self) -> bool:
        kind, *words = self.described.get("healthcheck", {}).get("test") or [
            "CMD-SHELL",
            _instruction(r"^HEALTHCHECK .*? CMD (.*)$"),
        ]
        command = [self._here(word.replace("$$", "$")) for word in words]
        checked = subprocess.run(
            command if kind == "CMD" else ["/bin/sh", "-c", *command],
            cwd=self.place.app,
            env=self.environment(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return checked.returncode == 0

    def _here(self, text: str) -> str:
        return self.place.here(text, self.name)


@contextmanager
def deployment(
    root: Path, *, secrets: Mapping[str, str], variables: Mapping[str, str]
) -> Iterator[Place]:
    """All services of the file, started after those that they depend on, and healthy.

    `variables` go before those of .env.example, which stands for .env.
    """
    place = Place(root, {port: free_port() for port in _PORTS})
    place.build_image()
    values = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    with ExitStack() as running:
        started: list[tuple[Container, Service]] = []
        for name in sorted(SERVICES, key=lambda name: len(SERVICES[name].get("depends_on", {}))):
            _give_secrets(place, name, secrets)
            for needed, service in started:
                if needed.name in SERVICES[name].get("depends_on", {}):
                    service.wait_until(needed.is_healthy, timeout_s=PATIENCE_S)
            container = Container(name, place, values | variables)
            started.append((container, container.service()))
            running.callback(started[-1][1].stop)
            started[-1][1].start()
        for container, service in started:
            service.wait_until(container.is_healthy, timeout_s=PATIENCE_S)
        yield place


def _give_secrets(place: Place, service: str, secrets: Mapping[str, str]) -> None:
    place.secrets(service).mkdir(parents=True)
    for name in SERVICES[service].get("secrets", []):
        (place.secrets(service) / name).write_text(place.here(secrets[name]), encoding="utf-8")
