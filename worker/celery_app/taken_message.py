"""A message as it was taken from its queue."""

from __future__ import annotations

from typing import Any

from kombu.utils.json import loads


def payload_of(text: bytes, tag: str, queue: str) -> dict[str, Any]:
    """As kombu delivers it, with what take.lua has stamped on it as headers.

    Its queue is that from which it was taken. What it says of that itself may be another name:
    the key of an exchange of its producer's, or a constant of a client in another language.
    """
    payload = loads(text.decode())
    payload["properties"]["delivery_tag"] = tag
    payload["properties"]["delivery_info"] = {"exchange": "", "routing_key": queue}
    headers, retries = payload["headers"], payload.get("revio_retries", 0)
    if retries:
        headers["retries"] = (headers.get("retries") or 0) + retries
    if place := payload.get("revio_taken"):
        headers["revio_place"], headers["revio_message"] = place, text.decode()
    return payload  # type: ignore[no-any-return]
