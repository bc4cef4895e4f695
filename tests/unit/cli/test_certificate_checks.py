"""What doctor says of an account's certificate and of the day's reset."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from certification.certificate import Certificate, Section
from certification.finding import Finding as Found
from cli.doctor.certificate_checks import check_certificate, check_day_end
from cli.doctor.check_result import CheckResult, Verdict
from settings import AccountSettings
from worker.limiter import LimitRules

NOW = 1_790_000_000.0
DAY_S = 86_400
HOUR_S = 3600


def account(**changes: Any) -> AccountSettings:
    known = {"endpoint": "http://127.0.0.1:1/x.asmx", "username": "u", "password": "p"}
    return AccountSettings.model_validate({**known, "client_code": "c"} | changes)


def certificate(*findings: Found, age_days: float = 1) -> Certificate:
    section = Section("any", "?", 1, findings, ())
    made_at = NOW - age_days * DAY_S
    return Certificate(
        "default", made_at, "abc", "session", 1, is_read_only=False, sections=(section,)
    )


def setting(**settings: str) -> Certificate:
    return certificate(Found("any", "says", 1, settings))


def checks(certificate: Certificate | None, **changes: Any) -> list[CheckResult]:
    return list(check_certificate("default", account(**changes), certificate, None, NOW))


def test_without_a_certificate_nothing_is_compared_and_the_way_to_one_is_told() -> None:
    (finding,) = checks(None)
    assert finding.verdict is Verdict.SKIPPED
    assert "revio certify" in finding.says


def test_a_certificate_that_agrees_is_in_order() -> None:
    found = setting(ids_per_call="200", read_back="immediate", session_lifetime_s="1200")
    (finding,) = checks(found)
    assert finding.verdict is Verdict.OK


def test_one_that_is_old_is_told() -> None:
    (finding,) = checks(certificate(age_days=200))
    assert finding.verdict is Verdict.WARNING
    assert "200 days old" in finding.says


@pytest.mark.parametrize(
    ("found", "changes", "says"),
    [
        ({"ids_per_call": "50"}, {}, "200 ids are asked for, and 50 are safe"),
        ({"read_back": "4"}, {}, "only after 4 s, and 0 s are waited for"),
        ({"read_back": "deferred"}, {"read_back": "10"}, "only after 300 s"),
        ({"session_lifetime_s": "270"}, {}, "is used for 1200 s"),
        ({"session_expired_codes": "X17"}, {"session_expired_codes": "A,B"}, "X17 means"),
        ({"session_expired_message": "log on"}, {}, "words of an expired session"),
    ],
)
def test_settings_that_ask_for_more_than_was_found_are_told_with_the_line_that_fixes_them(
    found: dict[str, str], changes: dict[str, Any], says: str
) -> None:
    _, finding = checks(setting(**found), **changes)
    assert finding.verdict is Verdict.WARNING
    assert says in finding.says
    (name,) = found
    assert f"REVIO_ACCOUNTS__DEFAULT__{name.upper()}={found[name]}" in finding.fix


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        ({"ids_per_call": "500"}, {}),
        ({"read_back": "immediate"}, {"read_back": "deferred"}),
        ({"session_expired_codes": "X17"}, {"session_expired_codes": "A,X17"}),
    ],
)
def test_settings_that_are_more_careful_are_in_order(
    found: dict[str, str], changes: dict[str, Any]
) -> None:
    assert len(checks(setting(**found), **changes)) == 1


def test_updates_that_do_harm_are_wrong() -> None:
    harm = Found("partial_update", "DO NOT UPDATE: an update of one field also changes code2")
    _, finding = checks(certificate(harm))
    assert finding.verdict is Verdict.WRONG


def rules(hour: int, zone: str) -> LimitRules:
    return LimitRules(
        calls_per_minute=1, calls_per_day=1, day_reset_hour=hour, day_reset_zone=ZoneInfo(zone)
    )


# 2026-09-21 at 05:00 UTC, when it is 01:00 in New York.
RESET = 1_790_000_000.0 - 1_790_000_000.0 % DAY_S + 5 * HOUR_S


def test_a_reset_that_the_settings_know_is_in_order() -> None:
    assert not list(check_day_end("default", None, rules(0, "UTC")))
    assert not list(check_day_end("default", RESET + 1, rules(5, "UTC")))
    assert not list(check_day_end("default", RESET - 1, rules(1, "America/New_York")))


def test_another_one_is_told_with_the_lines_that_fix_it() -> None:
    (finding,) = check_day_end("default", RESET + 1, rules(0, "UTC"))
    assert "ended at 05:00 UTC" in finding.says
    assert "REVIO_ACCOUNTS__DEFAULT__DAY_RESET_HOUR=5" in finding.fix
    (finding,) = check_day_end("default", RESET + 1800, rules(0, "UTC"))
    assert "not a whole hour" in finding.says
    assert "ask Rev.io" in finding.fix
