"""WSDLs of every shape, what we read from them, and answers in their form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sandbox.contract import operations as contract
from sandbox.contract import wsdl
from sandbox.contract.schema import Rendered
from sandbox.contract.shapes import Shapes, parse_update_shape
from sandbox.contract.soap import SOAP_11, answer
from worker.soap import SoapConfig
from worker.soap.request.message import Login
from worker.soap.wsdl.loading import load_wsdl
from worker.soap.wsdl.schema import Schema

ENDPOINT = "https://vendor.example/v20/default.asmx"
PASSWORD = "hunter-2-password"
SUBSCRIPTION_KEY = "subscription-key-0123456789"
SESSION_KEY = "session-key-9876543210"
LOGIN = Login("someone", SecretStr(PASSWORD), "client-1", SecretStr(SESSION_KEY))


def config(**changes: Any) -> SoapConfig:
    known: dict[str, Any] = {
        "account": "default",
        "endpoint": ENDPOINT,
        "username": "someone",
        "password": SecretStr(PASSWORD),
        "client_code": "client-1",
        "subscription_key": SecretStr(SUBSCRIPTION_KEY),
    }
    return SoapConfig(**known | changes)


def shapes(update: str = "optional", **others: Any) -> Shapes:
    return Shapes(parse_update_shape(update), **others)


def render(
    chosen: Shapes | None = None, ports: str = "11,12", address: str = "http://elsewhere.example"
) -> bytes:
    kinds = [wsdl.Port(port) for port in ports.split(",")]
    return wsdl.render(contract.build(chosen or Shapes()), kinds, address).encode()


def schema_of(document: bytes) -> Schema:
    return load_wsdl(config(), lambda _: document).schema


def query_answer(
    markup: str, chosen: Shapes | None = None, *, header: dict[str, str] | None = None
) -> bytes:
    """An answer to a query that holds such records, as the sandbox would put it."""
    built = contract.build(chosen or Shapes())
    text = {"Success": "true", "Impersonated": "false"} if header is None else header
    result = {"Header": text, **built.records([Rendered(markup)])}
    return answer(SOAP_11, built.operations[contract.QUERY], result)


def write(path: Path, document: bytes) -> Path:
    path.write_bytes(document)
    return path
