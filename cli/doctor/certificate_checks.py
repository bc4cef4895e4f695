"""Whether the settings are what an account's certificate found out, and whether it still holds."""

from __future__ import annotations

from collections.abc import Iterator

from certification.certificate import OLD_DAYS, Certificate
from cli.doctor.check_result import CheckResult, fine, skipped, warning, wrong
from settings import AccountSettings
from settings.account import lag_of
from settings.names import variable
from worker.limiter import LimitRules, day_disagreement, reset_hour
from worker.soap import Description

_HARMFUL = ("partial_update", "date_shift")
_WARNING = "DO NOT"


def check_certificate(
    account: str,
    settings: AccountSettings,
    certificate: Certificate | None,
    service: Description | None,
    now: float,
) -> Iterator[CheckResult]:
    """`service`: what the WSDL says now, if it could be read; `now`: Unix time."""
    check = f"{account}: certificate"
    if certificate is None:
        yield skipped(check, "there is none; revio certify finds out what nobody could look up")
        return
    reasons = list(_outdated(certificate, service, now))
    if reasons:
        yield warning(check, "; ".join(reasons), "make a new one: revio certify")
    else:
        says = f"{certificate.age_days(now):.0f} days old; {len(certificate.unknown)} unknown"
        yield fine(check, says)
    yield from _harm(account, certificate)
    for name, says in _differences(settings, certificate.settings):
        fix = f"{_variable(account, name)}={certificate.settings[name]}, or certify again"
        yield warning(f"{account}: {name.upper()}", says, fix)


def check_day_end(account: str, ends_at: float | None, rules: LimitRules) -> Iterator[CheckResult]:
    """`ends_at`: when the vendor's day has ended by its last quota answer; Unix time."""
    if ends_at is None or not (says := day_disagreement(ends_at, rules)):
        return
    hour = reset_hour(ends_at)
    fix = (
        "ask Rev.io when the day of the quota begins"
        if hour is None
        else f"{_variable(account, 'day_reset_hour')}={hour} and "
        f"{_variable(account, 'day_reset_timezone')}=UTC, or the hour of another zone"
    )
    yield warning(f"{account}: the day's reset", says, fix)


def _outdated(certificate: Certificate, service: Description | None, now: float) -> Iterator[str]:
    if (days := certificate.age_days(now)) > OLD_DAYS:
        yield f"it is {days:.0f} days old"
    if service and service.sha256 != certificate.wsdl_sha256:
        yield "the WSDL has changed since it was made"


def _harm(account: str, certificate: Certificate) -> Iterator[CheckResult]:
    for name in _HARMFUL:
        finding = certificate.findings.get(name)
        if finding and finding.says.startswith(_WARNING):
            fix = "pause the lanes (revio lane pause) and ask Rev.io"
            yield wrong(f"{account}: updates", finding.says, fix)


def _differences(settings: AccountSettings, found: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Settings that ask for more than was found; the day's reset is looked at elsewhere."""
    if (most := found.get("ids_per_call")) and settings.ids_per_call > int(most):
        yield "ids_per_call", f"{settings.ids_per_call} ids are asked for, and {most} are safe"
    if (lag := found.get("read_back")) and settings.read_back_lag_s < lag_of(lag):
        says = f"a query may show an update only after {lag_of(lag):.0f} s"
        yield "read_back", f"{says}, and {settings.read_back_lag_s:.0f} s are waited for"
    if (lives := found.get("session_lifetime_s")) and settings.session_lifetime_s > float(lives):
        says = f"a session was seen to live for {lives} s with a margin"
        yield "session_lifetime_s", f"{says}, and is used for {settings.session_lifetime_s:.0f} s"
    code = found.get("session_expired_codes")
    if code and code not in settings.session_expired_codes:
        yield "session_expired_codes", f"{code} means an expired session, and is not among them"
    message = found.get("session_expired_message")
    if message and message != settings.session_expired_message:
        yield "session_expired_message", "the vendor's words of an expired session are not known"


def _variable(account: str, name: str) -> str:
    return variable(["accounts", account, name])
