"""The gateway to Rev.io's SOAP service."""

from worker.soap.answer.raw_records import RawRecord
from worker.soap.config import SESSION_EXPIRED_MESSAGE, TRANSIENT_MESSAGE, SoapConfig
from worker.soap.gateway import RevioGateway, open_gateway
from worker.soap.probe import Kind, Probe, Reply, open_probe
from worker.soap.session.sessions import Session, SessionStore
from worker.soap.session.store import MemorySessionStore, RedisSessionStore
from worker.soap.spans import link_waiting
from worker.soap.wsdl.description import Description, FieldDescription
from worker.soap.wsdl.state import MemoryWsdlStates, RedisWsdlStates

__all__ = [
    "SESSION_EXPIRED_MESSAGE",
    "TRANSIENT_MESSAGE",
    "Description",
    "FieldDescription",
    "Kind",
    "MemorySessionStore",
    "MemoryWsdlStates",
    "Probe",
    "RawRecord",
    "RedisSessionStore",
    "RedisWsdlStates",
    "Reply",
    "RevioGateway",
    "Session",
    "SessionStore",
    "SoapConfig",
    "link_waiting",
    "open_gateway",
    "open_probe",
]
