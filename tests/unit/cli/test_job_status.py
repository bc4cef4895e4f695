from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.exit_code import ExitCode
from cli.jobs.job_status import JobStatus, State
from revio_jobs.errors import InvalidJob, Rejected, ResultExpired, Unavailable
from revio_jobs.results import Ended

UPDATE: dict[str, Any] = {"outcome": "applied", "id": 5001, "sent": ["rate"], "calls": 1}
QUERY: dict[str, Any] = {
    "customer_products": [{"customer_product_id": 5001, "rate": "12.50"}],
    "fetched_at": datetime(2026, 1, 31, tzinfo=UTC).isoformat(),
}


def of(value: dict[str, Any] | BaseException) -> JobStatus:
    return JobStatus.of("default", "j", Ended(value))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (of(QUERY), ExitCode.OK),
        (of(UPDATE), ExitCode.OK),
        (of(UPDATE | {"outcome": "superseded"}), ExitCode.OK),
        (of(UPDATE | {"outcome": "drifted"}), ExitCode.FAILED),
        (of(Rejected("P1", "no")), ExitCode.FAILED),
        (of(ResultExpired("j", "applied", 0.0)), ExitCode.FAILED),
        (of(InvalidJob(["account: unknown"])), ExitCode.INVALID),
        (of(Unavailable("refused")), ExitCode.UNREACHABLE),
        (of(ValueError("not of our tree")), ExitCode.FAILED),
        (JobStatus("default", "j", State.WAITING), ExitCode.RUNNING),
        (JobStatus("default", "j", State.RUNNING), ExitCode.RUNNING),
        (JobStatus("default", "j", State.UNKNOWN), ExitCode.FAILED),
    ],
    ids=str,
)
def test_each_state_has_its_exit_code(status: JobStatus, code: ExitCode) -> None:
    assert status.exit_code is code


def test_the_document_holds_money_as_text_and_the_error_by_its_class() -> None:
    assert of(QUERY).document()["result"]["customer_products"][0]["rate"] == "12.50"
    assert of(Rejected("P1", "no")).document() == {
        "account": "default",
        "job_id": "j",
        "state": "failed",
        "error": {"type": "Rejected", "message": "the vendor refused (P1): no"},
    }


def test_an_expired_result_is_not_a_failure_of_the_job() -> None:
    assert of(ResultExpired("j", "applied", 0.0)).state is State.EXPIRED
