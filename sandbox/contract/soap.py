"""SOAP envelopes of both versions: requests in, answers and faults out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from lxml import etree

from sandbox.contract.operations import FILTERS, Contract, Operation
from sandbox.contract.schema import NAMESPACE, XSI, Values, texts_at

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True)
class Version:
    namespace: str
    content_type: str


SOAP_11 = Version("http://schemas.xmlsoap.org/soap/envelope/", "text/xml; charset=utf-8")
SOAP_12 = Version("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml; charset=utf-8")

_UNREADABLE = "Server was unable to read request."
_VERSIONS = {version.namespace: version for version in (SOAP_11, SOAP_12)}
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
)


class UnreadableRequestError(Exception):
    """What an ASP.NET server answers with a fault that blames the client."""

    def __init__(self, message: str, version: Version = SOAP_11) -> None:
        super().__init__(message, version)
        self.message = message
        self.version = version


@dataclass(frozen=True)
class Call:
    """A request that was understood; `values` is what its Request element holds."""

    operation: Operation
    version: Version
    values: Values
    source: bytes

    @cached_property
    def filters(self) -> dict[str, list[int]]:
        """The integers of each filter of a query; ``ID`` is also an update's product."""
        return {
            name: [
                int(text)
                for text in texts_at(self.values, name) or texts_at(self.values, name, "int")
            ]
            for name in FILTERS
        }

    @property
    def ids(self) -> list[int]:
        return self.filters["ID"]


def read_call(contract: Contract, headers: Mapping[str, str], source: bytes) -> Call:
    """Raises UnreadableRequestError. The header names are in lower case."""
    version, payload = _open(source)
    name = etree.QName(payload).localname
    operation = contract.operations.get(name)
    if operation is None or payload.tag != f"{{{NAMESPACE}}}{name}":
        raise UnreadableRequestError(f"Server did not recognize the element {name}.", version)
    action = _action(headers, version)
    if action != f"{NAMESPACE}/{name}" and (action or version is SOAP_11):
        raise UnreadableRequestError(
            f"Server did not recognize the value of HTTP Header SOAPAction: {action}.", version
        )
    try:
        request = operation.request_element.read(payload)
    except ValueError as exc:
        raise UnreadableRequestError(f"{_UNREADABLE} ---> {exc}", version) from exc
    values = request.get("Request") if isinstance(request, dict) else None
    return Call(operation, version, values if isinstance(values, dict) else {}, source)


def envelope(version: Version, body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="{version.namespace}" xmlns:xsi="{XSI}"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def answer(version: Version, operation: Operation, result: Values) -> bytes:
    element = operation.response_element
    markup = element.write(operation.answer(result))
    named = markup.replace(f"<{element.name}>", f'<{element.name} xmlns="{NAMESPACE}">', 1)
    return envelope(version, named)


def fault(version: Version, message: str, *, blames_client: bool) -> bytes:
    text = escape(message)
    if version is SOAP_12:
        code = "Sender" if blames_client else "Receiver"
        return envelope(
            version,
            f"<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="en">{text}</soap:Text></soap:Reason>'
            "</soap:Fault>",
        )
    code = "Client" if blames_client else "Server"
    return envelope(
        version,
        f"<soap:Fault><faultcode>soap:{code}</faultcode>"
        f"<faultstring>{text}</faultstring><detail /></soap:Fault>",
    )


def _open(source: bytes) -> tuple[Version, _Element]:
    """The envelope's version and the first element of its body."""
    try:
        root = etree.fromstring(source, _PARSER)
    except etree.XMLSyntaxError as exc:
        raise UnreadableRequestError(f"{_UNREADABLE} ---> {exc}") from exc
    version = _VERSIONS.get(etree.QName(root).namespace or "")
    if version is None:
        raise UnreadableRequestError("Possible SOAP version mismatch.")
    body = root.find(f"{{{version.namespace}}}Body")
    if body is None or not len(body):
        raise UnreadableRequestError("Unable to handle request without a valid body.", version)
    return version, body[0]


def _action(headers: Mapping[str, str], version: Version) -> str:
    if version is SOAP_11:
        return headers.get("soapaction", "").strip('"')
    matched = re.search(r'action="?([^";]*)', headers.get("content-type", ""))
    return matched[1] if matched else ""
