"""Templates, and how they write numbers and times."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from campaigns.business_time import BusinessTime
from cli.campaign.run_tables import span

_STATIC = files("console").joinpath("static")


def render(template: str, **facts: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """HTML. Every fact is escaped; one that the template lacks is an error."""
    return _environment().get_template(template).render(**facts)


@cache
def asset(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep it."""
    digest = hashlib.sha256(_STATIC.joinpath(name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def iso(at: float) -> str:
    """A Unix time for a `time` element."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def number(value: float) -> str:
    """With separators."""
    return f"{value:,}"


@cache
def _environment() -> Environment:
    made = Environment(
        # The macros of a campaign's review are shared with its page.
        loader=ChoiceLoader([PackageLoader("console"), PackageLoader("campaigns.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "iso": iso, "span": span}
    made.globals |= {"asset": asset, "BusinessTime": BusinessTime}
    return made
