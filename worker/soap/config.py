"""What the gateway must know about one account at the vendor."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

# The vendor has not published a code for an expired session; its message would match this.
# It may name the element, SessionKey.
_SESSION = r"\bsession[ _-]?(key|id|token)?\b"
SESSION_EXPIRED_MESSAGE = (
    rf"(?i){_SESSION}.*\b(expired|invalid|inactive|unknown|ended|terminated|timed out"
    r"|(not|no longer) (valid|active)|not (found|exist|recogni[sz]ed))\b"
    rf"|\b(expired|invalid|inactive|unknown)\b.*{_SESSION}"
)
# Messages of SQL Server, IIS and maintenance; none of them judges the request.
TRANSIENT_MESSAGE = (
    r"(?i)\bdeadlock|\btime-?out (period )?(expired|elapsed)\b|\btimed out\b|\bmaintenance\b"
    r"|\btemporarily (unavailable|out of service)\b|\bservice (is )?unavailable\b"
    r"|\b(server|system|service) is (too )?busy\b|\btransport-level error\b"
)
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapConfig:
    """One account's access to the vendor. Raises ValueError, which lists every unusable value."""

    account: str
    endpoint: str
    username: str
    password: SecretStr
    client_code: str
    subscription_key: SecretStr | None = None
    wsdl: str | None = None
    """A path or a URL; None for the endpoint with ?WSDL."""
    wsdl_cache: Path | None = None
    """Directory for a copy of the last good WSDL; None to keep no copy."""
    wsdl_check_s: float = 300.0
    """Seconds between two checks whether the WSDL has changed."""
    proves_first_update: bool = True
    """Whether the first update after a change of the WSDL is read back before others go."""
    call_timeout_s: float = 30.0
    """Total: from connecting to the last byte of the answer."""
    connect_timeout_s: float = 5.0
    execution_s: float = 20.0
    """How long the vendor may still be executing a call that it has not answered."""
    max_answer_bytes: int = 64 * 2**20
    max_connections: int = 32
    """Idle connections kept for reuse: one per thread."""
    session_lifetime_s: float = 3600.0
    """A session is replaced after this long; the vendor may end it earlier."""
    session_expired_codes: frozenset[str] = frozenset()
    session_expired_message: str = SESSION_EXPIRED_MESSAGE
    transient_codes: frozenset[str] = frozenset()
    """Error codes of transient refusals, which are retried."""
    transient_message: str = TRANSIENT_MESSAGE
    """Regular expression for the messages of such refusals."""
    login_refused_codes: frozenset[str] = frozenset({"S2005"})
    use_environment_proxies: bool = False

    def __post_init__(self) -> None:
        if problems := [*self._unsafe_addresses(), *self._unusable_values()]:
            raise ValueError("; ".join(problems))

    @property
    def wsdl_location(self) -> str:
        return self.wsdl or f"{self.endpoint}?WSDL"

    def _unsafe_addresses(self) -> list[str]:
        addresses = {"endpoint": self.endpoint}
        if self.wsdl and is_url(self.wsdl):
            addresses["wsdl"] = self.wsdl
        return [
            f"{name} must be https (http is allowed for loopback only) and hold no login"
            for name, url in addresses.items()
            if not is_safe(url)
        ]

    def _unusable_values(self) -> list[str]:
        problems = []
        key = self.subscription_key
        if key is not None and not _HEADER_SAFE.fullmatch(key.get_secret_value()):
            problems.append("subscription_key must be printable ASCII without spaces")
        limits = (
            "call_timeout_s",
            "wsdl_check_s",
            "connect_timeout_s",
            "max_answer_bytes",
            "session_lifetime_s",
        )
        problems += [f"{name} must be above 0" for name in limits if not getattr(self, name) > 0]
        for name in ("session_expired_message", "transient_message"):
            try:
                re.compile(getattr(self, name))
            except re.error as exc:
                problems.append(f"{name} is not a regular expression: {exc}")
        return problems


def is_url(location: str) -> bool:
    return location.startswith(("http://", "https://"))


@cache
def is_safe(url: str) -> bool:
    """Whether a password may be sent to this URL: over TLS, or to this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
