"""A request's two ends: the login that goes into it and the message that comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from worker.soap.wsdl.schema import Operation


@dataclass(frozen=True, slots=True)
class Login:
    """What proves who we are: a session, else the credentials themselves."""

    username: str
    password: SecretStr
    client_code: str
    session_key: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A request as HTTP sends it."""

    operation: Operation
    headers: Mapping[str, str]
    body: bytes
