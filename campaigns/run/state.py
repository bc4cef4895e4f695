"""A run at one moment, and one step of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.run.spec import RunSpec

STEP_FAILS = "a worker cannot carry it on"
"""How the reason begins why a run waits whose step ends in an error of ours: nobody decided so."""

READ_REFUSED = "Rev.io refuses to have its products read"
"""The same of a run whose read ends in an error that no repetition changes."""
READ_FAILS = "its products cannot be read now"
"""The same of a run whose read fails in another way, and not by a limit or a closed lane."""


class Status(StrEnum):
    """Whether a run goes on."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    """By itself: too many errors, too much drift, or read back otherwise than planned."""
    CANCELLED = "cancelled"
    DONE = "done"


class Phase(StrEnum):
    """What a run does in its current stage."""

    FEEDING = "feeding"
    """Rows are read and sent."""
    CHECKING = "checking"
    """Its changed products are read back and compared with the plan."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run at one moment."""

    spec: RunSpec
    status: Status
    reason: str
    rate: float | None
    """Calls per minute to which the run is limited; None if it has no limit of its own."""
    weight: int
    """Its share of the calls relative to the weights of the account's other runs."""
    phase: Phase
    stage: int
    """Index of the current stage; 0 is the first."""
    cursor: int
    """Index of the first row that has not been read."""
    checked: int
    """Index of the first row that has not been read back."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by outcome."""
    since: Mapping[str, int] = field(default_factory=dict)
    """The same when the run was last resumed after a halt: the next looks at what came after."""
    todo: Mapping[int, int] = field(default_factory=dict)
    """Rows that were read and not sent: row index to the number that their next idempotency key
    ends with."""
    in_flight: Mapping[int, int] = field(default_factory=dict)
    """Rows whose jobs were submitted: row index to the number that their key ends with."""
    waits: str = ""
    """Why nothing is sent; "" if something is, or nobody has said."""

    @property
    def digest(self) -> str:
        """Of its status and the reason for it, which whoever resumes it should have read."""
        read = f"{self.status}: {self.reason}".encode()
        return hashlib.sha1(read, usedforsecurity=False).hexdigest()

    @property
    def stage_begins(self) -> int:
        """The first row of the stage."""
        return self.spec.stages[self.stage - 1] if self.stage else 0

    @property
    def stage_ends(self) -> int:
        """The first row beyond the stage."""
        return self.spec.stages[self.stage]

    @property
    def is_last_stage(self) -> bool:
        """Whether the run ends with it."""
        return self.stage == len(self.spec.stages) - 1

    def ended(self, *outcomes: RowOutcome) -> int:
        """Rows with these outcomes since the run started, or was last resumed after a halt."""
        return sum(self.counts.get(name, 0) - self.since.get(name, 0) for name in outcomes)

    def halt_reason(self, *, at_stage_end: bool) -> str:
        """Why the run must halt; "" if it need not.

        The percentages count once enough rows have ended. At a stage's end they always count: a
        canary is small.
        """
        halt, ended = self.spec.halt, self.ended(*RowOutcome)
        if not ended or (ended < halt.after and not at_stage_end):
            return ""
        for what, limit, outcomes in (
            ("failed", halt.errors_percent, (RowOutcome.FAILED,)),
            ("drifted", halt.drift_percent, (RowOutcome.DRIFTED, RowOutcome.SUPERSEDED)),
        ):
            count = self.ended(*outcomes)
            if count * 100 > limit * ended:
                return f"{count} of {ended} rows {what}, more than {limit:g} %"
        return ""


@dataclass(frozen=True, slots=True)
class RunStep:
    """A change of a run's state, recorded as a whole or not at all; None leaves a field alone."""

    ended: Sequence[EndedRow] = ()
    """Rows that have ended; they leave `todo` and `in_flight`."""
    todo: Mapping[int, int] = field(default_factory=dict)
    """Rows to send: row index to the number that their next idempotency key ends with."""
    sent: Mapping[int, int] = field(default_factory=dict)
    """Rows about to be submitted, as in `todo`; they become `in_flight`."""
    cursor: int | None = None
    phase: Phase | None = None
    stage: int | None = None
    checked: int | None = None
    waits: str | None = None
    """Why nothing is sent; "" when something is."""

    def __bool__(self) -> bool:
        changes = (self.cursor, self.phase, self.stage, self.checked, self.waits)
        return bool(self.ended or self.todo or self.sent) or any(
            change is not None for change in changes
        )
