"""The catalogue of faults, by name.

A name that ends in ``-before`` fails without executing the call, one in ``-after`` executes it
first, ``silent-late`` executes it when the caller may already have given up. The rest: what the
gateway or the service says no with is not executed, and what spoils an answer is.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto

from sandbox.contract import soap
from sandbox.contract.http import HTML, Delivery, Response
from sandbox.contract.soap import Call
from sandbox.faults import distortions
from sandbox.vendor import limits
from sandbox.vendor.service import PRODUCT_DENIED, Refusal

_PAGE = b"<!DOCTYPE html><html><head><title>%b</title></head><body><h1>%b</h1></body></html>"
_RETRY_AFTER = 2.0
_DRIP_PAUSE = 0.2
_LATE = 2.0
_LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)
_DEADLOCK = (
    "Transaction (Process ID 61) was deadlocked on lock resources with another process and has "
    "been chosen as the deadlock victim. Rerun the transaction."
)


class When(Enum):
    """When the call is executed."""

    NEVER = auto()
    FIRST = auto()
    LATER = auto()


@dataclass(frozen=True)
class Scene:
    """What a fault has to work with: the call, its true answer (a blank one if it was not
    executed), how the service says no, and the rule's own `seconds` and `field`.
    """

    call: Call
    answer: Response
    refused: Callable[[Refusal, bytes | None], Response]
    expired: Refusal
    seconds: float | None = None
    field: str | None = None


@dataclass(frozen=True)
class Fault:
    name: str
    when: When
    answer: Callable[[Scene], Response]
    seconds: float = 0
    """How much later it is executed, if LATER."""


def _denied(
    denial: Callable[[float], limits.Denial], *, with_retry_after: bool
) -> Callable[[Scene], Response]:
    def answer(scene: Scene) -> Response:
        denied = denial(_RETRY_AFTER if scene.seconds is None else scene.seconds)
        return (denied if with_retry_after else replace(denied, retry_after=None)).answer()

    return answer


def _always(answer: Response) -> Callable[[Scene], Response]:
    return lambda _: answer


def _page(status: int, title: bytes, *headers: tuple[str, str]) -> Callable[[Scene], Response]:
    return _always(Response(status, _PAGE % (title, title), HTML, headers))


def _refused(refusal: Refusal, *, echo: bool = False) -> Callable[[Scene], Response]:
    return lambda scene: scene.refused(refusal, scene.call.source if echo else None)


def _expired(scene: Scene) -> Response:
    return scene.refused(scene.expired, None)


def _soap_fault(scene: Scene) -> Response:
    message = "Server was unable to process request. ---> Timeout expired."
    version = scene.call.version
    body = soap.fault(version, message, blames_client=False)
    return Response(500, body, version.content_type)


def _empty_soap_body(scene: Scene) -> Response:
    version = scene.call.version
    return Response(200, soap.envelope(version, ""), version.content_type)


def _drip(scene: Scene) -> Response:
    pause = _DRIP_PAUSE if scene.seconds is None else scene.seconds
    return replace(scene.answer, delivery=Delivery.DRIP, pause=pause)


def _delivered(delivery: Delivery) -> Callable[[Scene], Response]:
    return lambda scene: replace(scene.answer, delivery=delivery)


def _spoilt(distort: Callable[[bytes, str | None], bytes]) -> Callable[[Scene], Response]:
    return lambda scene: replace(scene.answer, body=distort(scene.answer.body, scene.field))


def _encoded(name: str, encode: Callable[[bytes], bytes]) -> Callable[[Scene], Response]:
    """Compressed without being asked for; without a name not even that is told."""
    headers = (("Content-Encoding", name),) if name else ()
    return lambda scene: replace(
        scene.answer,
        body=encode(scene.answer.body),
        headers=(*scene.answer.headers, *headers),
    )


def _mtom(scene: Scene) -> Response:
    """As WCF and Java services send it when MTOM is on, also without an attachment."""
    start = "<root.message@cxf.apache.org>"
    part = (
        f'--uuid:1\r\nContent-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\n'
        f"Content-Transfer-Encoding: binary\r\nContent-ID: {start}\r\n\r\n"
    )
    kind = (
        f'multipart/related; type="application/xop+xml"; boundary="uuid:1"; start="{start}"; '
        'start-info="text/xml"'
    )
    body = part.encode() + scene.answer.body + b"\r\n--uuid:1--\r\n"
    return replace(scene.answer, body=body, content_type=kind)


def _other_operation(scene: Scene) -> Response:
    body = distortions.of_other_operation(scene.answer.body, scene.call.operation.name)
    return replace(scene.answer, body=body)


def _out_of_service(status: int, *, as_date: bool) -> Callable[[Scene], Response]:
    """A server error with Retry-After; as a date it is one by a clock that is years behind."""

    def answer(scene: Scene) -> Response:
        seconds = _RETRY_AFTER if scene.seconds is None else scene.seconds
        headers = [("Retry-After", f"{seconds:.0f}")]
        if as_date:
            ends = format_datetime(_LONG_AGO + timedelta(seconds=seconds), usegmt=True)
            headers = [
                ("Date", format_datetime(_LONG_AGO, usegmt=True)),
                ("Retry-After", ends),
            ]
        return Response(
            status, _PAGE % (b"Out of service", b"Out of service"), HTML, tuple(headers)
        )

    return answer


REFUSE = Fault("refuse", When.NEVER, _always(Response(delivery=Delivery.RESET)))

_BEFORE_OR_AFTER: dict[str, Callable[[Scene], Response]] = {
    "reset": _always(Response(delivery=Delivery.RESET)),
    "silent": _always(Response(delivery=Delivery.SILENT)),
    "html-200": _page(200, b"Down for maintenance"),
    "html-502": _page(502, b"502 - Bad Gateway"),
    "http-500": _page(500, b"Runtime Error"),
    "http-503": _page(503, b"Service Unavailable", ("Retry-After", "2")),
    "out-of-service-502": _out_of_service(502, as_date=False),
    "out-of-service-504-date": _out_of_service(504, as_date=True),
    "soap-fault": _soap_fault,
    "empty-body": _always(Response(200, b"", soap.SOAP_11.content_type)),
    "empty-soap-body": _empty_soap_body,
    "accepted-202": _always(Response(202, b"", soap.SOAP_11.content_type)),
}

_NOT_EXECUTED: dict[str, Callable[[Scene], Response]] = {
    "throttled-429": _denied(limits.throttled, with_retry_after=True),
    "throttled-429-bare": _denied(limits.throttled, with_retry_after=False),
    "quota-403": _denied(limits.quota_spent, with_retry_after=True),
    "quota-403-bare": _denied(limits.quota_spent, with_retry_after=False),
    "forbidden-403": _always(limits.Denial(403, "Forbidden").answer()),
    "unauthorised-401": _always(limits.unauthorised(given=True).answer()),
    "redirect-302": _page(302, b"Object moved", ("Location", "/elsewhere/default.asmx")),
    "redirect-307": _page(307, b"Object moved", ("Location", "/elsewhere/default.asmx")),
    "not-found-404": _page(404, b"404 - File or directory not found."),
    "success-false": _refused(Refusal("The change was rejected.", PRODUCT_DENIED)),
    "success-false-bare": _refused(Refusal("The change was rejected.")),
    "deadlock": _refused(Refusal(_DEADLOCK)),
    "debug-echo": _refused(Refusal("A fatal error occurred.", "S9999"), echo=True),
    "expired-session": _expired,
}

_SPOILT: dict[str, Callable[[Scene], Response]] = {
    "drip": _drip,
    "short-body": _delivered(Delivery.SHORT),
    "endless-body": _delivered(Delivery.ENDLESS),
    "other-operation": _other_operation,
    "gzip": _encoded("gzip", gzip.compress),
    "gzip-unnamed": _encoded("", gzip.compress),
    "gzip-misnamed": _encoded("gzip", bytes),
    "deflate": _encoded("deflate", zlib.compress),
    "brotli": _encoded("br", bytes),
    "mtom": _mtom,
    "interim": _delivered(Delivery.INTERIM),
    **{name: _spoilt(distort) for name, distort in distortions.BY_NAME.items()},
}


def _catalogue() -> Iterator[Fault]:
    yield REFUSE
    for name, answer in _BEFORE_OR_AFTER.items():
        yield Fault(f"{name}-before", When.NEVER, answer)
        yield Fault(f"{name}-after", When.FIRST, answer)
    yield Fault("silent-late", When.LATER, _BEFORE_OR_AFTER["silent"], _LATE)
    for name, answer in _NOT_EXECUTED.items():
        yield Fault(name, When.NEVER, answer)
    for name, answer in _SPOILT.items():
        yield Fault(name, When.FIRST, answer)


FAULTS = {fault.name: fault for fault in _catalogue()}
