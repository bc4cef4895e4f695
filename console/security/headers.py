"""What every answer carries, and how much a request may hold."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class SecurityHeaders:
    """Sets them where the answer has not set its own."""

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if is_secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in self._headers.items()
                        if name.encode() not in given
                    ),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


_NOTHING = "Nothing was stored."


class BodyLimit:
    """Refuses a request that holds more than so many bytes, as soon as that is known."""

    def __init__(self, app: ASGIApp, most: int, file_bytes: int) -> None:
        """`file_bytes`: of `most`, what its file may have; people are told that."""
        self._app = app
        self._most = most
        self._says = f"A file has at most {file_bytes / 1e6:,.1f} MB. {_NOTHING}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it. Whoever reads too much raises HTTPException."""
        taken = 0
        declared = dict(scope.get("headers", ())).get(b"content-length", b"0")
        is_too_large = not declared.isdigit() or int(declared) > self._most

        async def counted() -> Message:
            nonlocal taken
            message: Message = {} if is_too_large else await receive()
            taken += len(message.get("body", b""))
            if is_too_large or taken > self._most:
                raise HTTPException(413, self._says)
            return message

        await self._app(scope, counted, send)
