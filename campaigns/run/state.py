"""A campaign's run as its feeder sees it, and the ports through which it works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from campaigns.run.row import Row
from revio_jobs.contracts import CustomerProductRecord, UpdateJob


class Status(StrEnum):
    """Whether a run goes on."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    """By itself: too many errors, too much drift, or read back otherwise than planned."""
    CANCELLED = "cancelled"
    DONE = "done"


class Phase(StrEnum):
    """What a stage of a run is about."""

    FEEDING = "feeding"
    CHECKING = "checking"
    """Its changed products are read back and compared with the plan."""


class Outcome(StrEnum):
    """How a row ended."""

    APPLIED = "applied"
    FAILED = "failed"
    DRIFTED = "drifted"
    """Its before-values did not hold any more; left alone."""
    SUPERSEDED = "superseded"
    """A later job of somebody else had set the fields; left alone."""
    ALREADY = "already"
    """It had the new values before anything was sent."""
    DIFFERS = "differs"
    """It was applied, and read back otherwise."""


@dataclass(frozen=True, slots=True)
class HaltRules:
    """When a run halts by itself."""

    errors_percent: float = 5.0
    drift_percent: float = 10.0
    after: int = 50
    """Rows that must have ended before the rates count; at a stage's end they count anyway."""
    differences: int = 0
    """Rows of a stage that may read back otherwise than planned."""


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """A time of day in which rows are sent; it may span midnight."""

    begins: time
    ends: time
    zone: str

    def opens_in(self, now: float) -> float:
        """Seconds; 0 while it is open."""
        here = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.zone))
        at = here.time().replace(tzinfo=None)
        spans_midnight = self.ends <= self.begins
        inside = (
            at >= self.begins or at < self.ends if spans_midnight else self.begins <= at < self.ends
        )
        if inside:
            return 0.0
        opening = here.replace(hour=self.begins.hour, minute=self.begins.minute, second=0)
        opening += timedelta(days=1 if at >= self.begins else 0)
        return max(opening.timestamp() - now, 1.0)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What was agreed on when the run was started; it never changes."""

    run: str
    account: str
    name: str
    digest: str
    rows: int
    stages: tuple[int, ...]
    """The row at which each stage ends; the last is `rows`."""
    halt: HaltRules = field(default_factory=HaltRules)
    start_at: float = 0.0
    """Unix time, seconds."""
    window: DailyWindow | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For people: author, approval, who applied it and why, the plan's header and summary."""

    def opens_at(self, now: float) -> float:
        """Unix time from which rows are sent; `now` if they are."""
        if self.start_at > now:
            return self.start_at
        return now + (self.window.opens_in(now) if self.window else 0.0)

    def not_yet(self, now: float) -> str:
        """Why the run sends nothing at this hour; "" if it may."""
        if (opens_at := self.opens_at(now)) <= now:
            return ""
        return f"its time begins at {datetime.fromtimestamp(opens_at, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class RunState:
    """A run at one moment."""

    spec: RunSpec
    status: Status
    reason: str
    rate: float | None
    """Calls a minute that the run is held to."""
    weight: int
    """Its part of the calls among campaigns."""
    phase: Phase
    stage: int
    cursor: int
    """Rows before it have been read."""
    checked: int
    """Rows before it have been read back."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by outcome."""
    since: Mapping[str, int] = field(default_factory=dict)
    """The same when the run was last started or resumed: halts look at what came after."""
    todo: Mapping[int, int] = field(default_factory=dict)
    """Rows that were read and not sent; by index the number of the key that they will have."""
    in_flight: Mapping[int, int] = field(default_factory=dict)
    """Rows whose jobs were submitted."""
    waits: str = ""
    """Why nothing is sent; "" if something is, or nobody has said."""

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

    def ended(self, *outcomes: Outcome) -> int:
        """Rows with these outcomes since the run was last started or resumed."""
        return sum(self.counts.get(each, 0) - self.since.get(each, 0) for each in outcomes)


@dataclass(frozen=True, slots=True)
class EndedRow:
    """How a row ended; `detail` says why, where there is something to say."""

    index: int
    outcome: Outcome
    at: float
    """Unix time, seconds."""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """One atomic step of a run."""

    ended: Sequence[EndedRow] = ()
    todo: Mapping[int, int] = field(default_factory=dict)
    sent: Mapping[int, int] = field(default_factory=dict)
    cursor: int | None = None
    phase: Phase | None = None
    stage: int | None = None
    checked: int | None = None
    waits: str | None = None
    """Why nothing is sent; "" when something is."""

    def __bool__(self) -> bool:
        changes = (self.cursor, self.phase, self.stage, self.checked, self.waits)
        return bool(self.ended or self.todo or self.sent) or any(
            each is not None for each in changes
        )


class Runs(Protocol):
    """The runs' state. Every method raises Unavailable; those with a token LeaseLost."""

    def lease(self, account: str, token: str) -> bool:
        """Become or stay the account's one feeder for a while; False: another one is."""

    def release(self, account: str, token: str) -> None:
        """Let another feeder work at once."""

    def active(self, account: str) -> list[str]:
        """Runs that have not ended."""

    def load(self, account: str, run: str) -> RunState | None:
        """None: it has gone."""

    def rows(self, account: str, run: str, indexes: Iterable[int]) -> dict[int, Row]:
        """Those rows of the plan."""

    def outcomes(self, account: str, run: str, first: int, end: int) -> dict[int, str]:
        """By index, of the rows in that range that have ended."""

    def record(self, account: str, run: str, token: str, progress: Progress) -> None:
        """All of it or nothing. A row ends once; a second ending of it does nothing."""

    def stop(self, account: str, run: str, token: str, status: Status, reason: str) -> None:
        """Halt or end the run, if it is running or was cancelled."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a job: a result, or an error by class name and words."""

    result: Mapping[str, Any] | None = None
    error: str = ""
    says: str = ""


class Jobs(Protocol):
    """Submits update jobs to the bulk lane. Raises Unavailable."""

    def submit(self, jobs: Sequence[UpdateJob]) -> dict[str, Answered | None]:
        """By idempotency key; None: it is on its way. A repeat of a key is no second job."""

    def answers(self, account: str, keys: Sequence[str]) -> dict[str, Answered]:
        """Of those jobs the ones that have ended, by key."""


class Products(Protocol):
    """Reads products of one account: one vendor call, on the bulk lane."""

    def read(self, ids: Sequence[int]) -> dict[int, CustomerProductRecord]:
        """By id, those that there are. Raises Retryable or Permanent."""
