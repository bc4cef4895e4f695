"""A request's way: control, WSDL, or through the gateway to the service and its faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from sandbox.contract import soap
from sandbox.contract.http import Delivery, Request, Response
from sandbox.contract.operations import CurrentContract
from sandbox.contract.schema import Values
from sandbox.contract.soap import SOAP_11, Call, UnreadableRequestError
from sandbox.faults.catalogue import Scene, When
from sandbox.faults.fault_plan import FaultPlan, FaultRule
from sandbox.server.journal import NOTHING_ANSWERED, Entry, Journal
from sandbox.vendor.limits import ApiGateway
from sandbox.vendor.service import Refusal, Service

SUBSCRIPTION_HEADER = "ocp-apim-subscription-key"

_CONTROL = "/control/"
_UNANSWERED = {Delivery.RESET, Delivery.SILENT}
_PAGE = b"<html><body>H2OAPIv20. A description of the service is at ?WSDL.</body></html>"

Reply = Callable[[Response], None]
Schedule = Callable[[float, Callable[[], object]], object]


class Control(Protocol):
    def handle(self, request: Request) -> Response: ...


@dataclass(frozen=True)
class Application:
    """`wsdl` writes the document for the address it was asked at; `latency` is the seconds that
    a call takes; `schedule` calls back after so many seconds.
    """

    current: CurrentContract
    service: Service
    gateway: ApiGateway
    journal: Journal
    plan: FaultPlan
    control: Control
    wsdl: Callable[[str], bytes]
    latency: Callable[[Call], float]
    schedule: Schedule

    def refuses(self, start: bytes) -> bool:
        if not start.startswith(b"POST ") or start.startswith(b"POST /control/"):
            return False
        refused = self.plan.refuses()
        if refused:
            self.journal.count("refused connections")
        return refused

    def handle(self, request: Request, reply: Reply) -> None:
        if request.path.startswith(_CONTROL):
            reply(self.control.handle(request))
            return
        if request.opens:
            self.journal.connected()
        if request.method == "POST":
            self._receive(request, reply)
        elif request.query.lower() == "wsdl":
            address = f"http://{request.headers.get('host', '')}{request.path}"
            reply(self._described(request, self.wsdl(address)))
        else:
            self.journal.count(f"{request.method} {request.path}")
            reply(Response(200, _PAGE))

    def _described(self, request: Request, document: bytes) -> Response:
        tag = f'"{sha256(document).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            self.journal.count("WSDL not modified")
            return Response(304, headers=(("ETag", tag),))
        self.journal.count("WSDL")
        return Response(200, document, SOAP_11.content_type, (("ETag", tag),))

    def _receive(self, request: Request, reply: Reply) -> None:
        hint = request.headers.get("soapaction", "").strip('"').rpartition("/")[2]
        entry = Entry(self.journal.arrived(), hint, NOTHING_ANSWERED, path=request.path)
        denial = self.gateway.admit(request.headers.get(SUBSCRIPTION_HEADER))
        if denial:
            self._answer(entry, denial.answer(), reply)
            return
        try:
            call = soap.read_call(self.current.contract, request.headers, request.body)
        except UnreadableRequestError as exc:
            body = soap.fault(exc.version, exc.message, blames_client=True)
            self._answer(entry, Response(500, body, exc.version.content_type), reply)
            return
        self._after_latency(call, _described(entry, call), reply)

    def _after_latency(self, call: Call, entry: Entry, reply: Reply) -> None:
        rule = self.plan.pick(call.operation.name, call.ids)
        seconds = self.latency(call)
        if seconds:
            self.schedule(seconds, lambda: self._perform(call, entry, rule, reply))
        else:
            self._perform(call, entry, rule, reply)

    def _perform(self, call: Call, entry: Entry, rule: FaultRule | None, reply: Reply) -> None:
        when = rule.fault.when if rule else When.FIRST
        if rule and when is When.LATER:
            seconds = rule.fault.seconds if rule.seconds is None else rule.seconds
            self.schedule(seconds, lambda: self._perform_unheard(call, entry, rule))
            reply(self._distorted(call, Response(), rule))
            return
        answer = Response()
        if when is When.FIRST:
            outcome = self.service.execute(call)
            entry = replace(entry, executed=outcome.executed)
            answer = self._written(call, outcome.result)
        if rule:
            entry = replace(entry, fault=rule.fault.name)
            answer = self._distorted(call, answer, rule)
        self._answer(entry, answer, reply)

    def _perform_unheard(self, call: Call, entry: Entry, rule: FaultRule) -> None:
        executed = self.service.execute(call).executed
        self.journal.answered(replace(entry, executed=executed, fault=rule.fault.name))

    def _distorted(self, call: Call, answer: Response, rule: FaultRule) -> Response:
        def refused(refusal: Refusal, echoed: bytes | None) -> Response:
            return self._written(call, self.service.refused(refusal, echoed=echoed))

        expired = self.service.session_expired()
        return rule.fault.answer(Scene(call, answer, refused, expired, rule.seconds, rule.field))

    def _written(self, call: Call, result: Values) -> Response:
        body = soap.answer(call.version, call.operation, result)
        return Response(200, body, call.version.content_type)

    def _answer(self, entry: Entry, answer: Response, reply: Reply) -> None:
        status = NOTHING_ANSWERED if answer.delivery in _UNANSWERED else answer.status
        self.journal.answered(replace(entry, status=status))
        reply(answer)


def _described(entry: Entry, call: Call) -> Entry:
    return replace(
        entry,
        operation=call.operation.name,
        ids=tuple(call.filters["ID"]),
        customer_ids=tuple(call.filters["CustomerID"]),
        line_ids=tuple(call.filters["LineID"]),
        sent=tuple(call.values),
    )
