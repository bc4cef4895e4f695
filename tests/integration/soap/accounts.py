"""Gateways to a running sandbox, and permits that remember what was asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import SecretStr

from revio_jobs.contracts import Lane
from revio_jobs.errors import Unavailable
from sandbox import Account, RunningSandbox
from tasks.ports import Call, Permit, Purpose
from tests.patience import wait_until
from worker.soap import MemorySessionStore, RevioGateway, SessionStore, SoapConfig, open_gateway

ACCOUNT = Account()


class RecordingPermits:
    """Grants everything."""

    def __init__(self) -> None:
        self.granted: list[Permit] = []
        self.arrived: list[Permit] = []
        self.refunded: list[Permit] = []
        self.pauses_in_full: list[tuple[str, float, str, bool]] = []
        self.health: list[bool] = []
        self.closures: list[str] = []
        self.acquire_errors: dict[str, Exception] = {}
        """By purpose: what the next permit is refused with."""

    @property
    def pauses(self) -> list[tuple[str, float, str]]:
        return [pause[:3] for pause in self.pauses_in_full]

    @property
    def purposes(self) -> list[Purpose]:
        return [permit.call.purpose for permit in self.granted]

    def acquire(self, call: Call) -> Permit:
        if error := self.acquire_errors.pop(call.purpose.value, None):
            raise error
        self.granted.append(Permit(call, str(len(self.granted))))
        return self.granted[-1]

    def answered(self, permit: Permit) -> None:
        self.arrived.append(permit)

    def refund(self, permit: Permit) -> None:
        self.refunded.append(permit)

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        self.pauses_in_full.append((account, seconds, reason, minute_spent))

    def close(self, account: str, reason: str) -> None:
        self.closures.append(reason)

    def report(self, account: str, *, healthy: bool) -> None:
        self.health.append(healthy)


def config(endpoint: str, **changes: Any) -> SoapConfig:
    known: dict[str, Any] = {
        "account": "default",
        "endpoint": endpoint,
        "username": ACCOUNT.username,
        "password": SecretStr(ACCOUNT.password),
        "client_code": ACCOUNT.client_code,
        "subscription_key": SecretStr(ACCOUNT.subscription_key),
    }
    return SoapConfig(**known | changes)


@contextmanager
def gateway(
    box: RunningSandbox,
    permits: RecordingPermits | None = None,
    store: SessionStore | None = None,
    **changes: Any,
) -> Iterator[RevioGateway]:
    opened = open_gateway(
        config(box.endpoint, **changes),
        permits or RecordingPermits(),
        store or MemorySessionStore(),
    )
    try:
        yield opened
    finally:
        opened.close()


def log_in(hasty: RevioGateway) -> None:
    """However often it gives up on a busy machine."""

    def is_in() -> bool:
        with suppress(Unavailable):
            return hasty.check_login()
        return False

    wait_until(is_in)


def call(purpose: Purpose) -> Call:
    return Call("default", Lane.INTERACTIVE, purpose, "job-1")


def nothing() -> None:
    """Before a send."""
