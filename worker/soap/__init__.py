"""The gateway to Rev.io's SOAP service."""

from worker.soap.config import SESSION_EXPIRED_MESSAGE, SoapConfig
from worker.soap.description import Description, FieldDescription
from worker.soap.gateway import RevioGateway, open_gateway
from worker.soap.session import Session, SessionStore
from worker.soap.session_store import MemorySessionStore, RedisSessionStore

__all__ = [
    "SESSION_EXPIRED_MESSAGE",
    "Description",
    "FieldDescription",
    "MemorySessionStore",
    "RedisSessionStore",
    "RevioGateway",
    "Session",
    "SessionStore",
    "SoapConfig",
    "open_gateway",
]
