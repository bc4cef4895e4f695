"""The endpoints under /control/, by which a test looks in and interferes. JSON, no login."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from urllib.parse import parse_qs

from sandbox.contract.http import JSON, Request, Response
from sandbox.contract.operations import Contract, CurrentContract, build
from sandbox.contract.schema import BOOLEAN, Complex, Scalar
from sandbox.contract.shapes import Shapes, parse_update_shape
from sandbox.faults.catalogue import FAULTS
from sandbox.faults.fault_plan import FaultPlan, FaultRule
from sandbox.server.journal import Journal
from sandbox.vendor.limits import ApiGateway
from sandbox.vendor.population import Record
from sandbox.vendor.products import Products
from sandbox.vendor.sessions import Sessions

Body = Mapping[str, object]


class ControlEndpoints:
    """`outage` closes the listening socket and every connection for so many seconds."""

    def __init__(
        self,
        *,
        current: CurrentContract,
        products: Products,
        sessions: Sessions,
        gateway: ApiGateway,
        journal: Journal,
        plan: FaultPlan,
        outage: Callable[[float], None],
        change_password: Callable[[str], None],
        shapes: Shapes,
    ) -> None:
        self._current = current
        self._shapes = shapes
        self._products = products
        self._sessions = sessions
        self._gateway = gateway
        self._journal = journal
        self._plan = plan
        self._outage = outage
        self._new_password = change_password
        self._field_kinds = _field_kinds(current.contract)
        self._gets: dict[str, Callable[[dict[str, str]], object]] = {
            "calls": self._calls,
            "products": self._truth,
            "updates": self._updates,
            "faults": lambda _: sorted(FAULTS),
            "limits": lambda _: self._gateway.state(),
        }
        self._posts: dict[str, Callable[[Body], object]] = {
            "faults": self._add_fault,
            "products": self._edit,
            "spoil": self._spoil,
            "release": self._release,
            "limits": self._limit,
            "password": self._change_password,
            "sessions/expire": lambda _: {"expired": self._sessions.expire_all()},
            "outage": self._begin_outage,
            "reset": self._reset,
        }

    def handle(self, request: Request) -> Response:
        """400 with a message for what cannot be understood, 404 for an unknown endpoint."""
        name = request.path.removeprefix("/control/")
        try:
            if request.method == "GET" and name in self._gets:
                query = {key: values[-1] for key, values in parse_qs(request.query).items()}
                return _json(200, self._gets[name](query))
            if request.method == "POST" and name in self._posts:
                return _json(200, self._posts[name](_body(request)))
        except (ValueError, KeyError) as exc:
            return _json(400, {"error": str(exc)})
        return _json(404, {"error": f"no {request.method} {request.path}"})

    def _calls(self, query: dict[str, str]) -> object:
        """With ``?list=1`` every call as well."""
        listed = {"calls": self._journal.entries()} if "list" in query else {}
        return {**self._journal.summary(), "cpu_seconds": time.process_time(), **listed}

    def _truth(self, query: dict[str, str]) -> object:
        return {str(id_): self._products[id_].truth for id_ in self._asked(query)}

    def _updates(self, query: dict[str, str]) -> object:
        """What every execution of an update set, by product."""
        executed = {id_: self._products[id_].executions for id_ in self._asked(query)}
        return {
            str(id_): [asdict(execution) for execution in executions]
            for id_, executions in executed.items()
            if executions
        }

    def _asked(self, query: dict[str, str]) -> list[int]:
        if "ids" not in query:
            return self._products.ids()
        return [id_ for id_ in map(int, query["ids"].split(",")) if id_ in self._products]

    def _add_fault(self, body: Body) -> object:
        """A rule as FaultRule.from_json reads it; ``{"clear": true}`` removes all rules first."""
        if body.get("clear"):
            self._plan.clear()
        rule = {name: value for name, value in body.items() if name != "clear"}
        if rule:
            self._plan.add(FaultRule.from_json(rule))
        return {}

    def _edit(self, body: Body) -> object:
        """``{"5001": {"Rate": "9.5", "Code1": null}}``: all of it or nothing."""
        edits = {int(id_): self._parsed(fields) for id_, fields in body.items()}
        for product_id in edits:
            if product_id not in self._products:
                raise ValueError(f"there is no product {product_id}")
        for product_id, fields in edits.items():
            self._products.edit(product_id, fields)
        return {}

    def _release(self, body: Body) -> object:
        """``{"update_shape": "optional,Quantity=required"}``: the service, and so its WSDL, changes
        as a release of the vendor may change it; ``{}`` brings back what was at first.
        """
        shape = body.get("update_shape")
        update = self._shapes.update if shape is None else parse_update_shape(str(shape))
        self._current.contract = build(replace(self._shapes, update=update))
        self._products.forget_markup()
        return {}

    def _spoil(self, body: Body) -> object:
        """``{"5001": {"Cost": "4.5E-05", "Description": "a&#x1B;b"}}``: the fields' content as
        markup, shown by queries from now on; ``{"5001": {}}`` ends that.
        """
        for id_, fields in body.items():
            if not isinstance(fields, Mapping) or int(id_) not in self._products:
                raise ValueError(f"{id_} is not a product with an object of fields")
            markup = {str(name): str(content) for name, content in fields.items()}
            self._products.spoil(int(id_), markup)
        return {}

    def _change_password(self, body: Body) -> object:
        """``{"password": "…"}``: the one that was given before is refused from now on."""
        self._new_password(str(body["password"]))
        return {}

    def _parsed(self, fields: object) -> Record:
        if not isinstance(fields, Mapping):
            raise ValueError("a product's edit is an object of fields")  # noqa: TRY004 - bad input
        return {
            name: None if value is None else self._field_kinds[name].parse(str(value))
            for name, value in fields.items()
        }

    def _limit(self, body: Body) -> object:
        """``calls_per_minute``, ``calls_per_day``: new limits; ``consume``: calls that another
        user makes now; ``day_ends_in``: seconds. Answers the state after it.
        """
        if "calls_per_minute" in body:
            self._gateway.calls_per_minute = int(str(body["calls_per_minute"]))
        if "calls_per_day" in body:
            self._gateway.calls_per_day = int(str(body["calls_per_day"]))
        if "day_ends_in" in body:
            self._gateway.end_day_in(float(str(body["day_ends_in"])))
        self._gateway.consume(int(str(body.get("consume", 0))))
        return self._gateway.state()

    def _begin_outage(self, body: Body) -> object:
        self._outage(float(str(body["seconds"])))
        return {}

    def _reset(self, _: Body) -> object:
        """As after the start, but for the sessions, which stay."""
        self._products.reset()
        self._gateway.reset()
        self._journal.reset()
        self._plan.reset()
        self._release({})
        return {}


def _field_kinds(contract: Contract) -> dict[str, Scalar]:
    record = contract.record.kind
    elements = record.elements if isinstance(record, Complex) else ()
    kinds = {element.name: element.kind for element in elements if isinstance(element.kind, Scalar)}
    return {**kinds, "DoNotProrateFlag": BOOLEAN}


def _body(request: Request) -> Body:
    body = json.loads(request.body or b"{}")
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - bad input
    return body


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), JSON)
