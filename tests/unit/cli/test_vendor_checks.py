from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.check_result import CheckResult, Verdict
from cli.doctor.vendor_checks import check_vendor
from cli.exit_code import ExitCode
from revio_jobs.errors import QuotaExhausted, RevioError, Throttled, Unauthorised, Unavailable
from settings import AccountSettings
from worker.soap import Description

ACCOUNT = AccountSettings.model_validate(
    {
        "endpoint": "https://api.example.com/v20/default.asmx",
        "username": "jobs",
        "password": "hunter2",
        "client_code": "acme",
    }
)
FOUND = Description(
    location=ACCOUNT.wsdl_location,
    sha256="0" * 64,
    is_kept_copy=False,
    soap_version="1.1",
    endpoint=ACCOUNT.endpoint,
    other_addresses=(),
    operation_count=5,
    login="session",
    records_at="CustomerProducts",
    fields=(),
    problems=(),
)


class FakeGateway:
    """Answers, or raises, what it is told to."""

    def __init__(
        self, found: Description | RevioError, login: RevioError | None = None, *, is_tried: bool
    ) -> None:
        self._found = found
        self._login = login
        self._is_tried = is_tried

    def describe(self) -> Description:
        if isinstance(self._found, RevioError):
            raise self._found
        return self._found

    def check_login(self, *, again: bool = False) -> bool:
        if self._login:
            raise self._login
        return self._is_tried


def findings(
    found: Description | RevioError, login: RevioError | None = None, *, is_tried: bool = True
) -> list[CheckResult]:
    gateway: Any = FakeGateway(found, login, is_tried=is_tried)
    return check_vendor("west", ACCOUNT, gateway)[0]


def test_a_vendor_that_fits_and_accepts_us_has_nothing_to_fix() -> None:
    assert {(finding.verdict, finding.fix) for finding in findings(FOUND)} == {(Verdict.OK, "")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"is_kept_copy": True}, "a kept copy is used"),
        ({"problems": ("cannot be changed: code1",)}, "cannot be changed: code1"),
    ],
)
def test_what_limits_us_is_a_warning(change: dict[str, Any], told: str) -> None:
    (found,) = [finding for finding in findings(replace(FOUND, **change)) if finding.fix]
    assert found.verdict is Verdict.WARNING
    assert told in found.says


def test_another_address_in_the_wsdl_is_told_and_not_used() -> None:
    told = findings(replace(FOUND, other_addresses=("https://elsewhere/x",)))
    (found,) = [entry for entry in told if entry.check == "west: address"]
    assert found.verdict is Verdict.OK
    assert found.says.startswith(ACCOUNT.endpoint)


def test_a_login_that_was_not_tried_is_not_called_accepted() -> None:
    found = findings(FOUND, is_tried=False)[-1]
    assert (found.verdict, "not tried" in found.says) == (Verdict.WARNING, True)
    assert "--login-again" in found.fix


@pytest.mark.parametrize("error", [Throttled(2.0), QuotaExhausted(0.0)])
def test_a_spent_limit_skips_the_check_and_blames_nobody(error: RevioError) -> None:
    assert findings(FOUND, error)[-1].verdict is Verdict.SKIPPED
    assert {finding.verdict for finding in findings(error)} == {Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("error", "code", "fix"),
    [
        (Unauthorised("the endpoint does not exist (404)"), ExitCode.FAILED, "WEST__ENDPOINT"),
        (
            Unauthorised("the vendor's certificate is refused: it has expired"),
            ExitCode.FAILED,
            "WEST__ENDPOINT",
        ),
        (Unauthorised("the vendor refused the login"), ExitCode.FAILED, "--login-again"),
        (Unauthorised("the vendor refused the login"), ExitCode.FAILED, "WEST__PASSWORD"),
        (
            Unauthorised("the vendor's gateway refused the subscription key (401)"),
            ExitCode.FAILED,
            "WEST__SUBSCRIPTION_KEY",
        ),
        (Unavailable("cannot connect"), ExitCode.UNREACHABLE, "WEST__ENDPOINT"),
    ],
)
def test_a_login_that_fails_names_the_settings_to_fix(
    error: RevioError, code: ExitCode, fix: str
) -> None:
    found = findings(FOUND, error)[-1]
    assert (found.verdict, found.code) == (Verdict.WRONG, code)
    assert fix in found.fix


def test_without_a_wsdl_the_login_is_not_tried() -> None:
    wsdl, login = findings(Unavailable("cannot connect"))
    assert (wsdl.verdict, wsdl.code) == (Verdict.WRONG, ExitCode.UNREACHABLE)
    assert ACCOUNT.wsdl_location in wsdl.fix
    assert login.verdict is Verdict.SKIPPED
