"""What the exit code of `revio` tells a script."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from revio_jobs.errors import InvalidJob, Unavailable


class ExitCode(IntEnum):
    """Each with its meaning, in the words of `revio --help`."""

    meaning: str

    OK = 0, "done"
    FAILED = 1, "the job failed or drifted, is not known, or a check found something wrong"
    INVALID = 2, "the input or the settings are wrong; nothing was sent"
    UNREACHABLE = 3, "Redis or the vendor cannot be reached"
    RUNNING = 4, "the job has not ended in the time given; it goes on"

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


def code_of(error: BaseException) -> ExitCode:
    """For a job that ended with this error, or could not be submitted because of it."""
    match error:
        case InvalidJob():
            return ExitCode.INVALID
        case Unavailable():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED
