"""Templates, and how they write numbers and times."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from campaigns.business_time import BusinessTime
from campaigns.rows.field_change import changes_of, plain
from cli.campaign.run_tables import FOR_EVER_S
from cli.tables import counted
from console.plans.reader_words import in_form_words

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LIMITS = (10**9, 24, 60, 60)
_LEAST_PERCENT = 0.1
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


def duration(seconds: float) -> str:
    """In the two largest units that count: 3 h 25 min, 12 s, less than a second."""
    if seconds >= FOR_EVER_S:
        return "for ever"
    whole = round(seconds)
    if not whole:
        return "less than a second"
    parts = [(whole // size, unit) for size, unit in _UNITS]
    counts = [(count % limit, unit) for (count, unit), limit in zip(parts, _LIMITS, strict=True)]
    first = next(place for place, (count, _) in enumerate(counts) if count)
    return " ".join(f"{count:,} {unit}" for count, unit in counts[first : first + 2] if count)


def plain_amount(value: Decimal | str) -> str:
    """Money with two decimals, or as many as it needs."""
    return f"{plain(Decimal(value)):f}"


def share(part: float) -> str:
    """A part of one, in per cent."""
    percent = part * 100
    return "less than 0.1 %" if 0 < percent < _LEAST_PERCENT else f"{percent:.1f} %"


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
    made.filters |= {
        "changes": changes_of,
        "counted": counted,
        "duration": duration,
        "in_form_words": in_form_words,
        "iso": iso,
        "number": number,
        "plain": plain_amount,
        "share": share,
    }
    made.globals |= {"asset": asset, "BusinessTime": BusinessTime}
    return made
