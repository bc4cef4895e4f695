"""Holds each finding to what the sandbox is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from certification.certificate import Certificate
from certification.finding import Finding
from sandbox.contract.shapes import Dates
from sandbox.options import Options
from sandbox.vendor.habits import (
    Charset,
    Clearing,
    EmptyTexts,
    LineBreaks,
    NoDate,
    Numbers,
    OuterBlanks,
    Overflow,
    UpdateReaction,
)
from tests.certification.world import TIMEOUT_S

_MOST_IDS = 10_000
_LONGEST_TEXT = 500
_PRODUCTS = 100
_CONTRACT_NAMES = {"": None, "Code2": "code2", "Description": "description"}
_TEXTS = {"description", "code1", "code2"}


def untrue(certificate: Certificate, options: Options) -> list[str]:
    """Findings that are not what the vendor is."""
    checks = _checks(options)
    return [
        f"{finding.name}: {finding.says} ({finding.value})"
        for finding in certificate.findings.values()
        if finding.is_known and finding.name in checks and not checks[finding.name](finding)
    ]


def missing(certificate: Certificate, options: Options) -> list[str]:
    """What could have been found out, and was not."""
    never = {"limit_minute", "limit_day", "day_reset", "clearing", "no_date", "rounding"}
    if options.habits.unknown_ids == "refused":
        never |= {"answer_cut"}
    if options.habits.resets:
        # The disconnected product may have an empty field that an update would reset.
        never |= {"disconnected_update"}
    return [name for name in certificate.unknown if name not in never]


def _checks(options: Options) -> dict[str, Callable[[Finding], bool]]:
    habits = options.habits

    def equals(value: object) -> Callable[[Finding], bool]:
        return lambda finding: finding.value == value

    return {
        "session_answer_key": equals(habits.answer_keys.value),
        "session_parallel": equals(habits.sessions.value),
        "session_expired": lambda f: _is_expired(f, options),
        "session_lifetime": lambda f: _is_lifetime(f.value, options.session_seconds),
        "unknown_ids": equals(habits.unknown_ids.value),
        "ids_taken": lambda f: abs(f.value - _most_ids(options)) <= _slack(options),
        "answer_cut": lambda f: _is_cut(f.value, habits.records_per_answer),
        "ids_per_call": lambda f: _is_best(f.value, options),
        "filters_of_two_kinds": equals(habits.filters.value),
        "read_back": lambda f: _is_lag(f, options),
        "partial_update": lambda f: _is_reset(f.value, _CONTRACT_NAMES[habits.resets]),
        "equal_update": equals(habits.equal_updates.value),
        "disconnected_update": equals(habits.disconnected.value),
        "unknown_update": equals("refused"),
        "clearing": lambda f: all(_is_cleared(n, way, options) for n, way in f.value.items()),
        "empty_text": lambda f: all(_is_emptied(way, options) for way in f.value.values()),
        "rate_decimals": equals(habits.rate_decimals),
        "rounding": equals(habits.rounding.value),
        "rates": lambda f: _are_numbers(f.value, habits.rates, is_large=not habits.largest_rate),
        "quantities": lambda f: _are_numbers(f.value, habits.quantities, is_large=True),
        "date_shift": equals(habits.date_shift),
        "date_form": equals("dateTime" if options.shapes.dates is Dates.DATE_TIME else "date"),
        "no_date": equals("minimum" if habits.no_date is NoDate.MINIMUM else "null"),
        "text_length": lambda f: all(_is_length(length, options) for length in f.value.values()),
        "characters": equals("all" if habits.charset is Charset.ALL else "latin"),
        "line_breaks": equals("kept" if habits.line_breaks is LineBreaks.KEPT else "changed"),
        "outer_blanks": equals("kept" if habits.outer_blanks is OuterBlanks.KEPT else "changed"),
        "minute": equals(habits.minute.value),
        "limit_minute": lambda f: f.value["retry_after"] in {"seconds", "nothing"},
    }


def _is_expired(finding: Finding, options: Options) -> bool:
    code = options.expired_session_code or None
    message = options.habits.expired_session_message
    return bool(finding.value["code"] == code and finding.value["message"] == message)


def _is_lifetime(bounds: list[Any], truth: float) -> bool:
    low, high = bounds
    return bool(low <= truth + 1 and (high is None or truth <= high + 1))


def _most_ids(options: Options) -> int:
    in_time = (
        (TIMEOUT_S - options.latency.low) * 1000 / options.habits.ms_per_id
        if (options.habits.ms_per_id)
        else _MOST_IDS
    )
    return min(_MOST_IDS, options.ids_per_call or _MOST_IDS, int(in_time))


def _slack(options: Options) -> int:
    """Ids that a random latency takes the time of."""
    spread_ms = (options.latency.high - options.latency.low) * 1000
    return 1 + int(spread_ms / options.habits.ms_per_id if options.habits.ms_per_id else 0)


def _is_cut(value: Any, truth: int) -> bool:
    return bool(
        value == truth if isinstance(value, int) else not truth or value["whole_up_to"] <= truth
    )


def _is_best(value: int, options: Options) -> bool:
    most = _most_ids(options) + _slack(options)
    cut = options.habits.records_per_answer
    is_refusing = options.habits.unknown_ids == "refused"
    seconds = value * options.habits.ms_per_id / 1000
    is_whole = is_refusing or not cut or value <= cut
    return 0 < value <= most and is_whole and (seconds <= TIMEOUT_S / 3 or value == 1)


def _is_lag(finding: Finding, options: Options) -> bool:
    lag, setting = options.read_back_delay, finding.settings["read_back"]
    latency = options.latency.high
    intervals = finding.value["intervals_s"]
    is_inside = all(
        low <= lag.high + 0.01 and high >= lag.low - 2 * latency - 0.01 for low, high in intervals
    )
    if setting == "immediate":
        return lag.high <= 0.5 + latency
    return is_inside and lag.high <= float(setting) and len(intervals) >= 20


def _is_reset(value: dict[str, Any], truth: str | None) -> bool:
    lists = {name: reset for name, reset in value.items() if isinstance(reset, list)}
    return all(
        set(reset) == ({truth} if truth and truth != name else set())
        for name, reset in lists.items()
    )


def _is_cleared(name: str, way: str, options: Options) -> bool:
    habits = options.habits
    if way.startswith("refused"):
        is_equal = (
            habits.clearing is Clearing.IGNORED and habits.equal_updates is UpdateReaction.REFUSED
        )
        return habits.clearing is Clearing.REFUSED or is_equal
    is_date = name.endswith("_date")
    shows_minimum = is_date and habits.no_date is NoDate.MINIMUM
    zero = "an empty text" if name in _TEXTS else "0001-01-01" if is_date else "zero"
    return (
        way
        == {
            Clearing.NULL: "0001-01-01" if shows_minimum else "no value",
            Clearing.ZERO: zero,
            Clearing.IGNORED: "unchanged",
            Clearing.REFUSED: "refused",
        }[habits.clearing]
    )


def _is_emptied(way: str, options: Options) -> bool:
    habits = options.habits
    if way.startswith("refused"):
        is_ignored = habits.empty_texts is EmptyTexts.IGNORED
        return is_ignored and habits.equal_updates is UpdateReaction.REFUSED
    return (
        way
        == {
            EmptyTexts.KEPT: "an empty text",
            EmptyTexts.NULL: "no value",
            EmptyTexts.IGNORED: "unchanged",
        }[habits.empty_texts]
    )


def _are_numbers(fates: dict[str, str], allowed: Numbers, *, is_large: bool) -> bool:
    taken = {
        "negative": allowed is Numbers.ANY,
        "zero": allowed is not Numbers.POSITIVE,
        "large": is_large,
    }
    return all((fates[name] == "kept") is is_taken for name, is_taken in taken.items()) and all(
        fates[name].startswith("refused") for name, is_taken in taken.items() if not is_taken
    )


def _is_length(length: dict[str, Any], options: Options) -> bool:
    limit = options.habits.text_limit
    if not limit:
        return bool(length["kept"] == _LONGEST_TEXT)
    beyond = "cut in silence" if options.habits.text_overflow is Overflow.CUT else "refused"
    return bool(length["kept"] == limit and length["beyond"] == beyond)
