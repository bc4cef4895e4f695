"""The console's cookies: HttpOnly, SameSite, and bound to the host where there is https."""

from __future__ import annotations

from starlette.responses import Response

SESSION = "revio_session"
SIGN_IN = "revio_sign_in"
"""Of somebody who has not signed in yet: binds the form to the browser."""


def cookie_of(name: str, *, is_secure: bool) -> str:
    """The name that browsers see; with the prefix none but this host over https can set it."""
    return f"__Host-{name}" if is_secure else name


def set_cookie(response: Response, name: str, value: str, *, is_secure: bool) -> None:
    """Until the browser is closed; the server ends sessions by itself."""
    response.set_cookie(
        cookie_of(name, is_secure=is_secure),
        value,
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(response: Response, name: str, *, is_secure: bool) -> None:
    """From the browser."""
    response.delete_cookie(
        cookie_of(name, is_secure=is_secure),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )
