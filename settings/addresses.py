"""Checks of addresses. A message never repeats the whole address: it may hold a password."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from revio_jobs.redis_address import parse_redis_url
from revio_jobs.tls_files import check_tls_files


def check_endpoint(url: str) -> str:
    """`url` without surrounding blanks if it is https, or http to this machine; else ValueError."""
    address = _split(url)
    _check_web_address(address)
    if address.query.lower() == "wsdl":
        raise ValueError("must be without ?WSDL, which is the address of the WSDL alone")
    return url.strip()


def check_wsdl(location: str) -> str:
    """`location` if it is a file that exists, or an address that is https or on this machine."""
    location = location.strip()
    if "://" in location:
        _check_web_address(_split(location))
        return location
    if not Path(location).is_file():
        raise ValueError(f"there is no file {location!r}; give a path or an https address")
    return location


def check_redis_url(url: str) -> str:
    """`url` if it can be honoured; else RedisUrlError, which is a ValueError."""
    check_tls_files(parse_redis_url(url).tls)
    return url


def _split(url: str) -> SplitResult:
    """Raises ValueError also for a port that is none."""
    try:
        address = urlsplit(url.strip())
        _ = address.port
    except ValueError:
        raise ValueError("is not an address (look at the host and the port)") from None
    return address


def _check_web_address(address: SplitResult) -> None:
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ValueError("must be an address such as https://host/path")
    if address.username is not None or address.password is not None:
        raise ValueError("must hold no user or password")
    if address.fragment:
        raise ValueError("must be without the part from # on, which is never sent")
    if address.scheme == "http" and not _is_loopback(address.hostname):
        raise ValueError(
            f"must be https, since {address.hostname} is not this machine; "
            "http is for loopback addresses only"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
