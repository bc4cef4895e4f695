"""How a plan is to be applied, and whether its run matches that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaigns.business_time import BusinessTime
from campaigns.errors import NotAllowedError
from campaigns.run.spec import SendingHours
from campaigns.run.state import RunState
from campaigns.terms import HaltRules

WEIGHTS = {"low": 1, "normal": 2, "high": 4}
AT_ONCE = 0.0
_LEAST_RATE = 0.1
_LARGEST_RATE = 1e9
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Unset fields take their defaults; in a run that has started, they stay as they are."""

    by: str
    reason: str = ""
    canary: Sequence[int] | None = None
    """Sizes of the stages before the rest; by default there are none."""
    halt: HaltRules | None = None
    """By default those of the settings."""
    start_at: float | None = None
    """Unix time, seconds, or AT_ONCE; by default the plan's effective date, else at once."""
    sending_hours: SendingHours | None = None
    """By default all day."""
    rate: float | None = None
    """Maximum calls per minute; by default as many as the limits allow."""
    priority: str | None = None
    """One of WEIGHTS; by default normal."""


def check_request(request: RunRequest) -> None:
    """Raises NotAllowedError for what cannot be kept to."""
    if request.rate is not None:
        check_rate(request.rate)
    if request.priority is not None:
        check_priority(request.priority)
    if any(size < 1 for size in request.canary or ()):
        raise NotAllowedError(f"stages of {list(request.canary or ())}: each has 1 row at least")
    if request.halt:
        _check_halt(request.halt)
    if request.sending_hours:
        _check_hours(request.sending_hours)


def check_rate(rate: float) -> None:
    """Raises NotAllowedError for what is not a number of calls per minute."""
    if not _LEAST_RATE <= rate <= _LARGEST_RATE:
        raise NotAllowedError(
            f"a rate of {rate:g}: give calls per minute, {_LEAST_RATE} at least, or none; to send "
            "nothing, pause the run"
        )


def check_priority(priority: str) -> None:
    """Raises NotAllowedError for a priority that does not exist."""
    if priority not in WEIGHTS:
        raise NotAllowedError(f"priority is one of {', '.join(WEIGHTS)}, not {priority!r}")


def _check_halt(halt: HaltRules) -> None:
    for what, percent in (("failed", halt.errors_percent), ("drifted", halt.drift_percent)):
        if not 0 <= percent <= _HUNDRED:
            raise NotAllowedError(f"{percent:g} % of {what} rows to halt at: give 0 to 100")
    if halt.after < 1 or halt.differences < 0:
        raise NotAllowedError(
            f"halts after {halt.after} rows and at more than {halt.differences} differences: give "
            "1 row and 0 differences at least"
        )


def _check_hours(hours: SendingHours) -> None:
    for at in (hours.begins, hours.ends):
        if at.tzinfo or at.second or at.microsecond:
            raise NotAllowedError(
                f"{at.isoformat()}: a window is of hours and minutes in {hours.zone}, such as "
                "22:00-06:00"
            )
    if hours.begins == hours.ends:
        raise NotAllowedError(f"the window {hours} has no length: leave it out to send all day")


def check_same(request: RunRequest, state: RunState, time: BusinessTime) -> None:
    """Raises NotAllowedError if the run goes otherwise than the request says."""
    differing = list(_differing(request, state, time))
    if differing:
        raise NotAllowedError(
            f"run {state.spec.run} has begun before, with {', '.join(differing)}: nothing was "
            f"changed. `revio campaign set {state.spec.run}` changes rate, priority and start; the "
            "rest stays as it is"
        )


def stages(rows: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Where each stage ends; the last holds the rest."""
    ends, end = [], 0
    for size in sizes:
        end += size
        if end < rows:
            ends.append(end)
    return (*ends, rows)


def _differing(request: RunRequest, state: RunState, time: BusinessTime) -> Iterator[str]:
    """What the run has instead of what is asked for."""
    spec = state.spec
    canary = request.canary
    if canary is not None and stages(spec.rows, canary) != spec.stages:
        ends = ",".join(map(str, spec.stages[:-1]))
        yield f"stages that end at {ends}" if ends else "one stage of all rows"
    if request.halt is not None and request.halt != spec.halt:
        yield f"halts at {_in_words(spec.halt)}"
    if request.start_at is not None and request.start_at != spec.start_at:
        yield f"its start at {time.show(spec.start_at)}" if spec.start_at else "a start at once"
    if request.sending_hours is not None and request.sending_hours != spec.sending_hours:
        yield f"the window {spec.sending_hours}" if spec.sending_hours else "no daily window"
    if request.rate is not None and request.rate != state.rate:
        yield "no rate of its own" if state.rate is None else f"a rate of {state.rate:g}"
    if request.priority is not None and WEIGHTS[request.priority] != state.weight:
        names = {weight: name for name, weight in WEIGHTS.items()}
        yield f"priority {names.get(state.weight, state.weight)}"


def _in_words(halt: HaltRules) -> str:
    return (
        f"{halt.errors_percent:g} % errors, {halt.drift_percent:g} % drift (after {halt.after} "
        f"rows), {halt.differences} differences"
    )
