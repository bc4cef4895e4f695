"""What a check of `revio doctor` has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cli.exit_code import ExitCode


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome."""

    check: str
    verdict: Verdict
    says: str
    fix: str = ""
    """What to do about it."""
    code: ExitCode = ExitCode.OK
    """What doctor ends with, if this is the first thing that is wrong."""

    def document(self) -> dict[str, str]:
        """JSON values; `mend` is an older name of `fix`."""
        return {
            "check": self.check,
            "verdict": self.verdict.value,
            "says": self.says,
            "fix": self.fix,
            "mend": self.fix,
        }


def fine(check: str, says: str) -> CheckResult:
    return CheckResult(check, Verdict.OK, says)


def warning(check: str, says: str, fix: str) -> CheckResult:
    return CheckResult(check, Verdict.WARNING, says, fix)


def wrong(check: str, says: str, fix: str, code: ExitCode = ExitCode.FAILED) -> CheckResult:
    return CheckResult(check, Verdict.WRONG, says, fix, code)


def skipped(check: str, says: str, fix: str = "") -> CheckResult:
    """`fix`: how to have it checked after all, if nobody knows how it is without that."""
    return CheckResult(check, Verdict.SKIPPED, says, fix)
