"""What is wrong with the fields of a form, by field, in words for whoever filled it in."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from campaigns import CampaignError, RunRequest
from campaigns.rules.rounding import Rounding
from campaigns.rules.rules import Rules
from campaigns.run.request import AT_ONCE, WEIGHTS
from campaigns.start import check_start, parse_canary
from campaigns.terms import Terms
from cli.campaign.control import rate_of
from cli.campaign.options import sending_hours, start_time
from cli.campaign.planning import endings_of, rails_of
from console.visit import Visit

_ID = re.compile(r"[1-9][0-9]{0,17}")


class FormFaults(Exception):
    """Words by the field that they are about."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(faults)
        self.faults = faults


def plan_faults(fields: Mapping[str, Any], terms: Terms, now: float) -> dict[str, str]:
    """Of a plan's rules, guard rails and what is stated about the file; planning finds others."""
    return dict(_plan_faults(fields, terms, now))


def _plan_faults(fields: Mapping[str, Any], terms: Terms, now: float) -> Iterator[tuple[str, str]]:
    for name in ("customers", "lines"):
        if wrong := [text for text in fields.get(name, ()) if not _ID.fullmatch(text)]:
            is_not = f"“{wrong[0][:40]}” is not an ID of Rev.io"
            yield name, f"{is_not}: an ID is a number without signs between its thousands."
    for text in fields.get("overrides", ()):
        rail, sign, reason = text.partition("=")
        if not (sign and rail.strip() and reason.strip()):
            says = (
                f"“{text[:80]}” does not say which guard rail it is about. Write its name, an "
                "equals sign and the reason, as in change=agreed with the customers."
            )
            yield "overrides", says
    parsers: Mapping[str, tuple[Callable[[Any], object], str]] = {
        "rails": (rails_of, "Write a guard rail as in change=block:10."),
        "sets": (_rules, "Write a rule as in rate = rate * 1.05."),
        "where": (_condition, "Write a condition as in status = ACTIVE."),
        "round_step": (_rounding, "Write an amount as in 0.05."),
        "charm": (_charm, "Write endings as in 0.99 or 4.99,9.99."),
        "effective": (date.fromisoformat, "Write a day as in 2026-06-01."),
        "encoding": (codecs.lookup, "Write an encoding as in cp1252, or leave it empty."),
        "header_line": (_line, "Write the line's number, as in 3."),
    }
    for name, (parse, example) in parsers.items():
        if value := fields.get(name):
            try:
                parse(value)
            except (CampaignError, ValueError, LookupError, ArithmeticError) as exc:
                why = f"{exc}. " if isinstance(exc, CampaignError) else ""
                yield name, f"{why}{example}"
    with suppress(ValueError):
        day = date.fromisoformat(fields.get("effective", ""))
        if day < terms.time.day_of(now):
            yield "effective", f"{day} has passed: choose today or a later day."


def _rules(texts: Sequence[str]) -> Rules:
    return Rules.parse(None, texts, Rounding())


def _condition(text: str) -> Rules:
    return Rules.parse(text, (), Rounding())


def _rounding(text: str) -> Rounding:
    return Rounding.parse(text, "half-up", ())


def _charm(text: str) -> Rounding:
    return Rounding.parse("0.01", "half-up", endings_of(text))


def _line(text: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", text):
        raise ValueError(text)
    return int(text)


def run_request(visit: Visit) -> RunRequest:
    """How the form says that a plan is to be applied. Raises FormFaults."""
    terms = visit.campaigns.campaigns.terms
    faults: dict[str, str] = {}

    def read(name: str, parse: Callable[[str], Any], example: str) -> Any:  # noqa: ANN401 - as `parse` has it
        if not (text := visit.text(name)):
            return None
        try:
            return parse(text)
        except (CampaignError, ValueError, OverflowError):
            faults[name] = f"“{text[:40]}” is not understood. {example}"
            return None

    request = RunRequest(
        by=visit.name,
        reason=visit.text("reason"),
        canary=read(
            "canary",
            parse_canary,
            "Write how many products each stage changes, with commas between: 25,rest.",
        ),
        start_at=read(
            "start",
            lambda text: start_time(text, terms.time),
            "Choose a day and a time, or leave it empty to begin at once.",
        ),
        sending_hours=read(
            "window",
            lambda text: sending_hours(text, terms.zone),
            "Write from when to when, as in 22:00-06:00, or leave it empty.",
        ),
        rate=read("rate", rate_of, "Write a number, or leave it empty for no limit of its own."),
    )
    if says := _past(request.start_at, terms, visit.console.clock()):
        faults["start"] = says
    if faults:
        raise FormFaults(faults)
    return request


def pace_faults(rate: str, priority: str, start: str, terms: Terms, now: float) -> dict[str, str]:
    """Of what a run's pace is to be; all of it is looked at before any of it is changed."""
    faults = {}
    if not (rate or priority or start):
        faults["rate"] = "Give a rate, a priority or a start: nothing here says what to change."
    if rate:
        try:
            rate_of(rate)
        except CampaignError:
            faults["rate"] = f"“{rate[:40]}” is not understood. Write a number, or none."
    if priority and priority not in WEIGHTS:
        faults["priority"] = f"Choose one of {', '.join(WEIGHTS)}."
    if start:
        try:
            says = _past(start_time(start, terms.time), terms, now)
        except (CampaignError, OverflowError):
            says = f"“{start[:40]}” is not understood. Choose a day and a time."
        if says:
            faults["start"] = says
    return faults


def _past(start: float | None, terms: Terms, now: float) -> str:
    """Why a run cannot begin then; "" if it can."""
    if not start or start == AT_ONCE:
        return ""
    try:
        check_start(start, terms, now)
    except CampaignError:
        return f"{terms.time.show(start)} has passed. Choose a later time, or begin at once."
    return ""
