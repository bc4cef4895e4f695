"""The proxy that the environment names, as HTTPS_PROXY and its relatives are commonly written."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass


class UnusableProxyError(OSError):
    """The environment names a proxy that we cannot speak to."""


def environment_proxy(host: str, port: int) -> str | None:
    """The URL of the proxy for an https host, or None: HTTPS_PROXY, else ALL_PROXY, unless
    NO_PROXY names the host. Raises UnusableProxyError.

    `proxy.example:3128` without a scheme means http. A proxy that is itself reached by TLS or SOCKS
    is refused: it would be taken for another kind.
    """
    if proxy_bypass(f"{host}:{port}"):
        return None
    named = getproxies_environment()
    proxy = named.get("https") or named.get("all")
    if not proxy:
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(url).scheme.lower()
    if scheme != "http":
        raise UnusableProxyError(f"a proxy of kind {scheme} is not supported; use http://host:port")
    if not urlsplit(url).hostname:
        raise UnusableProxyError("HTTPS_PROXY or ALL_PROXY names no host")
    return url
