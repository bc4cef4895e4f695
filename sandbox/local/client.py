"""Starts a sandbox of one's own and talks to its control endpoints. Standard library only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import ProxyHandler, Request, build_opener

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 120
_STOP_SECONDS = 5
_CONTROL_SECONDS = 30

# Never through a proxy that the environment may name.
_open = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class RunningSandbox:
    """A running sandbox, wherever it was started; ids are those of customer products."""

    endpoint: str
    pid: int | None = None

    @property
    def wsdl(self) -> str:
        return f"{self.endpoint}?WSDL"

    def control(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of ``/control/<path>``: a GET, or a POST if there is a body. Raises
        ValueError with the sandbox's words if it does not understand.
        """
        data = None if body is None else json.dumps(body).encode()
        request = Request(urljoin(self.endpoint, f"/control/{path}"), data)  # noqa: S310 - http
        try:
            with _open(request, timeout=_CONTROL_SECONDS) as response:
                return json.load(response)
        except HTTPError as exc:
            with exc:
                raise ValueError(json.load(exc)["error"]) from exc

    def calls(self, *, listed: bool = False) -> dict[str, Any]:
        """Counts of the calls; with `listed` each one too, under ``calls``."""
        calls: dict[str, Any] = self.control("calls?list=1" if listed else "calls")
        return calls

    def products(self, ids: Iterable[int] | None = None) -> dict[int, dict[str, str | None]]:
        """The products as they are stored, even if a query does not show it yet."""
        return _by_id(self.control(f"products{_asking(ids)}"))

    def updates(self, ids: Iterable[int] | None = None) -> dict[int, list[dict[str, Any]]]:
        """By product, ``{"at": …, "fields": {…}}`` for every execution of an update."""
        return _by_id(self.control(f"updates{_asking(ids)}"))

    def fault(self, name: str, **rule: object) -> None:
        """The next call meets the fault, or as the rule says: ``next``, ``rate``, ``operation``,
        ``ids``, ``seconds``, ``field``.
        """
        self.control("faults", {"fault": name, **rule})

    def clear_faults(self) -> None:
        self.control("faults", {"clear": True})

    def faults(self) -> list[str]:
        """The names of all faults."""
        names: list[str] = self.control("faults")
        return names

    def edit(self, product_id: int, **fields: str | None) -> None:
        """A change that someone else makes, under the names of a query's record."""
        self.control("products", {str(product_id): fields})

    def spoil(self, product_id: int, **fields: str) -> None:
        """Queries show this markup as the content of the product's fields; none: no longer."""
        self.control("spoil", {str(product_id): fields})

    def release(self, update_shape: str | None = None) -> None:
        """Change the service and its WSDL, as ``--update-shape`` does; None restores the first."""
        self.control("release", {} if update_shape is None else {"update_shape": update_shape})

    def limits(self, **changes: float) -> dict[str, float]:
        """The gateway's state, after changes to ``calls_per_minute``, ``calls_per_day``,
        ``day_ends_in``, or calls that another user makes (``consume``).
        """
        state: dict[str, float] = self.control("limits", changes or None)
        return state

    def expire_sessions(self) -> int:
        expired: int = self.control("sessions/expire", {})["expired"]
        return expired

    def change_password(self, password: str) -> None:
        """The login's password expires, and so do all sessions; this is the new one."""
        self.control("password", {"password": password})

    def outage(self, seconds: float) -> None:
        """Refuses every connection, of this client too, for so long."""
        self.control("outage", {"seconds": seconds})

    def reset(self) -> None:
        """As after the start, but for the sessions, which stay."""
        self.control("reset", {})


@contextmanager
def running(**options: object) -> Iterator[RunningSandbox]:
    """A sandbox process for the time of the block, which ends with this process at the latest.
    `options` are those of the command line with underscores; a list repeats one. Raises
    RuntimeError if it does not start.
    """
    command = [sys.executable, "-m", "sandbox", "--exit-with-stdin", *_flags(options)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield RunningSandbox(_endpoint(process), process.pid)
        finally:
            _stop(process)


def _flags(options: dict[str, object]) -> Iterator[str]:
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        for item in value if isinstance(value, list | tuple) else [value]:
            yield flag if item is True else f"{flag}={item}"


def _endpoint(process: subprocess.Popen[str]) -> str:
    stdout = process.stdout
    if stdout and select([stdout], [], [], _START_SECONDS)[0]:
        ready_line, _, endpoint = stdout.readline().strip().rpartition(" ")
        if ready_line == "sandbox listening on":
            return endpoint
    raise RuntimeError("the sandbox did not start; its standard error says why")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _asking(ids: Iterable[int] | None) -> str:
    return "" if ids is None else f"?ids={','.join(map(str, ids))}"


def _by_id(products: dict[str, Any]) -> dict[int, Any]:
    return {int(id_): value for id_, value in products.items()}
