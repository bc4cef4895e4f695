"""Whether an account's service at the vendor is one that we can use, and lets us in."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.finding import Finding, fine, skipped, warning, wrong
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


def vendor_findings(
    name: str, account: AccountSettings, gateway: RevioGateway, *, login_again: bool = False
) -> tuple[list[Finding], Description | None]:
    """What the WSDL says, and whether the login is taken; it costs up to three calls."""
    try:
        found = gateway.describe()
    except RevioError as exc:
        return [_no_wsdl(name, account, exc), skipped(f"{name}: login", "needs the WSDL")], None
    return [*_wsdl(name, found), _login(name, gateway, again=login_again)], found


def _no_wsdl(name: str, account: AccountSettings, exc: RevioError) -> Finding:
    check = f"{name}: WSDL"
    if _is_only_later(exc):
        return skipped(check, str(exc))
    settings = f"{_setting(name, 'endpoint')} and {_setting(name, 'wsdl')}"
    mend = f"mend {settings}; it was looked for at {account.wsdl_location}"
    # A file of ours is there to be mended; an address may only be out of reach.
    code = code_of(exc) if "://" in account.wsdl_location else ExitCode.FAILED
    return wrong(check, str(exc), mend, code)


def _wsdl(name: str, found: Description) -> Iterator[Finding]:
    says = (
        f"SOAP {found.soap_version}, {found.operation_count} operations, records at "
        f"{found.records_at}, login by {found.login}, sha256 {found.sha256[:12]}"
    )
    if found.is_kept_copy:
        yield warning(
            f"{name}: WSDL",
            f"a kept copy is used, since {found.location} could not be had: {says}",
            "see that the address can be reached, or save the file and name its path in "
            f"{_setting(name, 'wsdl')}",
        )
    else:
        yield fine(f"{name}: WSDL", says)
    for problem in found.problems:
        yield warning(
            f"{name}: fields", problem, "jobs that need it end as UnsupportedChange: see below"
        )
    if found.other_addresses:
        others = ", ".join(found.other_addresses)
        yield fine(f"{name}: address", f"{found.endpoint} is used; the WSDL names {others}")


def _login(name: str, gateway: RevioGateway, *, again: bool) -> Finding:
    check = f"{name}: login"
    try:
        gateway.check_login(again=again)
    except RevioError as exc:
        if _is_only_later(exc):
            return skipped(check, str(exc))
        return wrong(check, str(exc), _mend_login(name, exc), code_of(exc))
    return fine(check, "the vendor accepts us")


def _is_only_later(exc: RevioError) -> bool:
    """The limits refused the check itself, which says nothing about the vendor."""
    return isinstance(exc, Throttled | QuotaExhausted)


def _mend_login(name: str, exc: RevioError) -> str:
    if isinstance(exc, Unavailable):
        return f"see that {_setting(name, 'endpoint')} can be reached from here"
    if isinstance(exc, Unauthorised) and "gateway" in str(exc):
        return f"mend {_setting(name, 'subscription_key')}, or ask Rev.io to admit our address"
    wanted = ("username", "password", "client_code")
    return f"mend {', '.join(_setting(name, each) for each in wanted)}"


def _setting(account: str, field: str) -> str:
    return variable(["accounts", account, field])
