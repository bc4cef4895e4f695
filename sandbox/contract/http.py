"""HTTP requests and responses, and the ways in which a response may be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


class Delivery(Enum):
    WHOLE = auto()
    RESET = auto()
    """The connection is reset instead."""
    SILENT = auto()
    """Nothing comes, and the connection stays."""
    DRIP = auto()
    """The head at once, then a byte every `Response.pause` seconds."""
    SHORT = auto()
    """Half of what Content-Length says, then the end of the connection."""
    INTERIM = auto()
    """Two interim responses (102, 103) before it."""
    ENDLESS = auto()
    """Chunks of blanks until the peer goes."""


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case; `opens` tells the first request of a connection."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = HTML
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = Delivery.WHOLE
    pause: float = 0

    def head(self, *, keep_alive: bool) -> bytes:
        length = (
            "Transfer-Encoding: chunked"
            if self.delivery is Delivery.ENDLESS
            else f"Content-Length: {len(self.body)}"
        )
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            length,
            *(f"{name}: {value}" for name, value in self.headers),
            *(() if keep_alive else ("Connection: close",)),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
