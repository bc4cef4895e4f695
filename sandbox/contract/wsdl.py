"""The WSDL's text, written from the contract the server itself reads and writes by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from xml.sax.saxutils import quoteattr

from sandbox.contract.operations import Contract
from sandbox.contract.schema import NAMESPACE, Complex, Element, Scalar

SERVICE = "H2OAPIv20"


class Port(StrEnum):
    SOAP_11 = "11"
    SOAP_12 = "12"


_PREFIX = {Port.SOAP_11: "soap", Port.SOAP_12: "soap12"}
_PORT_NAME = {Port.SOAP_11: f"{SERVICE}Soap", Port.SOAP_12: f"{SERVICE}Soap12"}

_NAMESPACES = (
    'xmlns:s="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
    ' xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"'
    ' xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"'
    f' xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}"'
)


def render(contract: Contract, ports: Sequence[Port], address: str) -> str:
    """The document with the ports in the order given, each at `address`."""
    names = list(contract.operations)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f"<wsdl:definitions {_NAMESPACES}>",
            "<wsdl:types>",
            f'<s:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">',
            *_schema(contract),
            "</s:schema>",
            "</wsdl:types>",
            *(_messages(name) for name in names),
            *_port_type(names),
            *(line for port in ports for line in _binding(port, names)),
            f'<wsdl:service name="{SERVICE}">',
            *(_port(port, address) for port in ports),
            "</wsdl:service>",
            "</wsdl:definitions>",
        ]
    )


def _schema(contract: Contract) -> Iterable[str]:
    tops = [
        element
        for operation in contract.operations.values()
        for element in (operation.request_element, operation.response_element)
    ]
    named: dict[str, Complex] = {}
    for top in tops:
        _collect(top, named)
        yield _element(top, top_level=True)
    for kind in named.values():
        yield f'<s:complexType name="{kind.name}">{_sequence(kind)}</s:complexType>'


def _collect(element: Element, named: dict[str, Complex]) -> None:
    if isinstance(element.kind, Scalar):
        return
    if element.kind.name and named.setdefault(element.kind.name, element.kind) != element.kind:
        raise ValueError(f"two types are named {element.kind.name}")
    for child in element.kind.elements:
        _collect(child, named)


def _element(element: Element, *, top_level: bool = False) -> str:
    maximum = "unbounded" if element.max_occurs is None else element.max_occurs
    occurs = f' minOccurs="{element.min_occurs}" maxOccurs="{maximum}"' if not top_level else ""
    nillable = ' nillable="true"' if element.nillable else ""
    start = f'<s:element{occurs} name="{element.name}"{nillable}'
    if isinstance(element.kind, Scalar):
        return f'{start} type="s:{element.kind.xsd}" />'
    if element.kind.name:
        return f'{start} type="tns:{element.kind.name}" />'
    return f"{start}><s:complexType>{_sequence(element.kind)}</s:complexType></s:element>"


def _sequence(kind: Complex) -> str:
    return f"<s:sequence>{''.join(map(_element, kind.elements))}</s:sequence>"


def _messages(name: str) -> str:
    def message(direction: str, element: str) -> str:
        part = f'<wsdl:part name="parameters" element="tns:{element}" />'
        return f'<wsdl:message name="{name}Soap{direction}">{part}</wsdl:message>'

    return message("In", name) + message("Out", f"{name}Response")


def _port_type(names: Iterable[str]) -> Iterable[str]:
    yield f'<wsdl:portType name="{SERVICE}Soap">'
    for name in names:
        yield (
            f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}SoapIn" />'
            f'<wsdl:output message="tns:{name}SoapOut" /></wsdl:operation>'
        )
    yield "</wsdl:portType>"


def _binding(port: Port, names: Iterable[str]) -> Iterable[str]:
    soap = _PREFIX[port]
    body = f'<{soap}:body use="literal" />'
    yield f'<wsdl:binding name="{_PORT_NAME[port]}" type="tns:{SERVICE}Soap">'
    yield f'<{soap}:binding transport="http://schemas.xmlsoap.org/soap/http" />'
    for name in names:
        yield (
            f'<wsdl:operation name="{name}">'
            f'<{soap}:operation soapAction="{NAMESPACE}/{name}" style="document" />'
            f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>"
        )
    yield "</wsdl:binding>"


def _port(port: Port, address: str) -> str:
    return (
        f'<wsdl:port name="{_PORT_NAME[port]}" binding="tns:{_PORT_NAME[port]}">'
        f"<{_PREFIX[port]}:address location={quoteattr(address)} /></wsdl:port>"
    )
