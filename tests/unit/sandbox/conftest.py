"""A sandbox within the test's own process, on a clock that the test moves."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from sandbox.assembly import assemble
from sandbox.contract.http import Request, Response
from sandbox.contract.schema import NAMESPACE
from sandbox.options import parse
from sandbox.server.application import Application
from sandbox.vendor.sessions import Account

ACCOUNT = Account()
LOGIN = (
    f"<Credentials><Username>{ACCOUNT.username}</Username><Password>{ACCOUNT.password}</Password>"
    f"<Client>{ACCOUNT.client_code}</Client></Credentials>"
)


@dataclass
class Clock:
    now: float = 1000.0
    _due: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def __call__(self) -> float:
        return self.now

    def schedule(self, seconds: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), call))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, call = heapq.heappop(self._due)
            call()
        self.now = end


class Bench:
    """The application without HTTP. `answers` holds what came of each call, in order."""

    def __init__(self, *flags: str) -> None:
        self.clock = Clock()
        self.outages: list[float] = []
        self.answers: list[Response] = []
        options = parse(["--customers=20", "--calls-per-minute=0", *flags])
        self.application: Application = assemble(
            options,
            clock=self.clock,
            schedule=self.clock.schedule,
            outage=self.outages.append,
            wall=self.clock,
        )

    def send(self, request: Request) -> None:
        self.application.handle(request, self.answers.append)

    def post(self, body: bytes, **headers: str) -> None:
        key = {"ocp-apim-subscription-key": ACCOUNT.subscription_key}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send(Request("POST", "/v20/default.asmx", "", key | named, body, keep_alive=True))

    def call(self, operation: str, content: str, login: str = LOGIN) -> bytes:
        """The answer's body to a SOAP 1.1 call with such content in its Request element."""
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>'
            f'<{operation} xmlns="{NAMESPACE}"><Request>{login}{content}</Request></{operation}>'
            "</s:Body></s:Envelope>"
        )
        self.post(body.encode(), soapaction=f'"{NAMESPACE}/{operation}"')
        return self.answers[-1].body if self.answers else b""

    def update(self, content: str, login: str = LOGIN) -> bytes:
        return self.call("CustomerProducts_Update", content, login)

    def query(self, content: str, login: str = LOGIN) -> bytes:
        return self.call("CustomerProducts_Query", content, login)

    def control(self, path: str, body: object = None) -> Any:
        method, data = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        path, _, query = path.partition("?")
        self.send(Request(method, f"/control/{path}", query, {}, data, keep_alive=True))
        return json.loads(self.answers.pop().body)

    def executions(self, product_id: int) -> list[dict[str, str | None]]:
        updates = self.control(f"updates?ids={product_id}")
        return [execution["fields"] for execution in updates.get(str(product_id), [])]

    def truth(self, product_id: int) -> dict[str, str | None]:
        found: dict[str, str | None] = self.control(f"products?ids={product_id}")[str(product_id)]
        return found


@pytest.fixture
def bench() -> Callable[..., Bench]:
    return Bench
