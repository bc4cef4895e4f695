"""Lines of JSON, each with a digest over itself and the line before it. No I/O.

Whoever alters, drops or moves a line breaks the chain there. It does not protect against somebody
who recomputes all later digests: note the last digest elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

START = "0" * 64
"""What the first line of a chain has for the digest of the line before it."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain ends, or is to go on."""

    digest: str = START
    number: int | None = None
    """The number of the last update; None if there was none."""
    entry: str | None = None
    """Its id in Redis."""


def seal(document: Mapping[str, Any], after: Link) -> tuple[str, Link]:
    """The document as a line without its end, and the link to the next one.

    It has `account`, `number` and `entry`.
    """
    body = {**document, "previous": after.digest}
    digest = _digest(body)
    return _canonical({**body, "digest": digest}), Link(digest, body["number"], body["entry"])


@dataclass(frozen=True, slots=True)
class Checked:
    """What a chain is found to be."""

    lines: int
    problems: tuple[str, ...]
    first: Link | None
    """The digest that the first line follows; None if there is no line."""
    last: Link


def check(lines: Iterable[tuple[str, str]]) -> Checked:
    """`lines`: each with where it stands. Every break is a problem, and is then gone on from."""
    problems: list[str] = []
    first: Link | None = None
    last, count = Link(), 0
    for where, line in lines:
        count += 1
        document = _read(line)
        if document is None:
            problems.append(f"{where}: is not a line of a history")
            continue
        if first is None:
            first = Link(document["previous"])
        else:
            problems += _breaks(where, document, last)
        if _digest(_without_digest(document)) != document["digest"]:
            problems.append(f"{where}: was altered: its digest is that of another text")
        last = _link_of(document)
    return Checked(count, tuple(problems), first, last)


def last_link(line: str) -> Link | None:
    """Where a chain goes on after this line; None if it is not a whole line of a history."""
    document = _read(line)
    return _link_of(document) if document else None


def _link_of(document: Mapping[str, Any]) -> Link:
    return Link(document["digest"], document["number"], document["entry"])


def _breaks(where: str, document: Mapping[str, Any], last: Link) -> Iterator[str]:
    if document["previous"] != last.digest:
        yield f"{where}: does not follow the line before it: lines are missing, or were moved"
    expected = (last.number or 0) + 1
    if document["number"] != expected:
        yield f"{where}: is update {document['number']}, where update {expected} is expected"


def _read(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
        is_ours = {"previous", "digest", "entry"} <= document.keys()
        return document if is_ours and isinstance(document["number"], int) else None
    except (ValueError, AttributeError, KeyError):
        return None


def _without_digest(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "digest"}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document).encode()).hexdigest()


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
