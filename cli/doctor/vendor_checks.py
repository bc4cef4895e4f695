"""Whether an account's service at the vendor is one that we can use, and lets us in."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.check_result import CheckResult, fine, skipped, warning, wrong
from cli.exit_code import ExitCode, code_of
from revio_jobs.errors import (
    QuotaExhausted,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
)
from settings import AccountSettings
from settings.names import variable
from worker.soap import Description, RevioGateway

_LATER = "run revio doctor again when a call may go out"


def check_vendor(
    name: str, account: AccountSettings, gateway: RevioGateway, *, login_again: bool = False
) -> tuple[list[CheckResult], Description | None]:
    """What the WSDL says, and whether the login is taken; it costs up to three calls."""
    try:
        description = gateway.describe()
    except RevioError as exc:
        return [_no_wsdl(name, account, exc), skipped(f"{name}: login", "needs the WSDL")], None
    return [*_wsdl(name, description), _login(name, gateway, again=login_again)], description


def _no_wsdl(name: str, account: AccountSettings, exc: RevioError) -> CheckResult:
    check = f"{name}: WSDL"
    if _is_only_later(exc):
        return skipped(check, str(exc), _LATER)
    settings = f"{_setting(name, 'endpoint')} and {_setting(name, 'wsdl')}"
    fix = f"fix {settings}; it was looked for at {account.wsdl_location}"
    # A file of ours is there to be fixed; an address may only be out of reach.
    code = code_of(exc) if "://" in account.wsdl_location else ExitCode.FAILED
    return wrong(check, str(exc), fix, code)


def _wsdl(name: str, description: Description) -> Iterator[CheckResult]:
    says = (
        f"SOAP {description.soap_version}, {description.operation_count} operations, records at "
        f"{description.records_at}, login by {description.login}, sha256 {description.sha256[:12]}"
    )
    if description.is_kept_copy:
        yield warning(
            f"{name}: WSDL",
            f"a kept copy is used, since {description.location} could not be loaded: {says}",
            "see that the address can be reached, or save the file and name its path in "
            f"{_setting(name, 'wsdl')}",
        )
    else:
        yield fine(f"{name}: WSDL", says)
    for problem in description.problems:
        yield warning(
            f"{name}: fields", problem, "jobs that need it end as UnsupportedChange: see below"
        )
    if description.other_addresses:
        others = ", ".join(description.other_addresses)
        yield fine(f"{name}: address", f"{description.endpoint} is used; the WSDL names {others}")


def _login(name: str, gateway: RevioGateway, *, again: bool) -> CheckResult:
    check = f"{name}: login"
    try:
        is_tried = gateway.check_login(again=again)
    except RevioError as exc:
        if _is_only_later(exc):
            return skipped(check, str(exc), _LATER)
        fix = _fix_for_login(name, exc)
        if isinstance(exc, Unauthorised) and not again:
            # The refusal may be an old one, by which the account is closed.
            fix += "; then revio doctor --login-again tries it at once"
        return wrong(check, str(exc), fix, code_of(exc))
    if is_tried:
        return fine(check, "the vendor accepts us")
    return warning(
        check,
        "the vendor accepts the workers' session, which was made with another login than these "
        "settings have; this one was not tried",
        "give workers and this command the same login; revio doctor --login-again tries it, and "
        "the account closes if it is refused",
    )


def _is_only_later(exc: RevioError) -> bool:
    """The limits refused the check itself, which says nothing about the vendor."""
    return isinstance(exc, Throttled | QuotaExhausted)


def _fix_for_login(name: str, exc: RevioError) -> str:
    if isinstance(exc, Unavailable):
        return f"see that {_setting(name, 'endpoint')} can be reached from here"
    if isinstance(exc, Unauthorised) and "gateway" in str(exc):
        return f"fix {_setting(name, 'subscription_key')}, or ask Rev.io to admit our address"
    if isinstance(exc, Unauthorised) and ("endpoint" in str(exc) or "certificate" in str(exc)):
        return f"see that {_setting(name, 'endpoint')} is Rev.io's address, whose certificate holds"
    wanted = ("username", "password", "client_code")
    return f"fix {', '.join(_setting(name, setting) for setting in wanted)}"


def _setting(account: str, field: str) -> str:
    return variable(["accounts", account, field])
