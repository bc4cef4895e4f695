"""What a team would write: zeep's own client on a requests session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
import zeep
from zeep.helpers import serialize_object
from zeep.transports import Transport


@dataclass(frozen=True)
class PlainClient:
    """One session, one connection pool, timeouts set, no log."""

    service: Any
    login: dict[str, str]

    def update(self, product_id: int, rate: Decimal) -> None:
        request = {"Session": self.login, "ID": product_id, "Rate": rate}
        answer = self.service.CustomerProducts_Update(Request=request)
        if not answer.Header.Success:
            raise RuntimeError(answer.Header.Message)

    def query(self, ids: Sequence[int]) -> list[Any]:
        request = {"Session": self.login, "ID": list(ids)}
        answer = self.service.CustomerProducts_Query(Request=request)
        if not answer.Header.Success:
            raise RuntimeError(answer.Header.Message)
        return list(answer.CustomerProducts.CustomerProduct)


def connect(endpoint: str, username: str, password: str, client: str, key: str) -> PlainClient:
    session = requests.Session()
    session.headers["Ocp-Apim-Subscription-Key"] = key
    transport = Transport(session=session, timeout=30, operation_timeout=30)
    service = zeep.Client(f"{endpoint}?WSDL", transport=transport).service
    credentials = {"Username": username, "Password": password, "Client": client}
    created = service.Sessions_Create(Request={"Credentials": credentials})
    return PlainClient(service, {"SessionKey": created.SessionKey})


def as_dicts(records: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(serialize_object(record)) for record in records]
