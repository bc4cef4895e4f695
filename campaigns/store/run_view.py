"""A run as operators see it, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.errors import NotAllowedError
from campaigns.run.state import READ_FAILS, READ_REFUSED, STEP_FAILS, RunState, Status


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as an operator sees it."""

    state: RunState
    pace: Mapping[int, int] = field(default_factory=dict)
    """Rows that ended, by the minute (Unix time / 60) in which they did."""
    has_ended: bool = False
    errors: Mapping[str, int] = field(default_factory=dict)
    """Failed rows by the words of their error."""
    is_fed: bool = True
    """Whether a worker carries the account's runs forward, or the run began a moment ago."""

    @property
    def goes_on(self) -> bool:
        """Whether something is still to happen by itself."""
        settles = self.state.status is Status.CANCELLED and not self.has_ended
        return self.state.status is Status.RUNNING or settles

    @property
    def step_fails(self) -> bool:
        """Whether a worker tries to carry it on and fails, by a defect or by data of ours."""
        return self._tries_in_vain(STEP_FAILS)

    @property
    def read_is_refused(self) -> bool:
        """Whether the vendor refuses the call that reads its products, whenever it is made."""
        return self._tries_in_vain(READ_REFUSED)

    @property
    def has_reason_to_wait(self) -> bool:
        """Whether it sends nothing for a reason that somebody set, or that a limit has."""
        return bool(self.waits) and not self._tries_in_vain(STEP_FAILS, READ_REFUSED, READ_FAILS)

    def _tries_in_vain(self, *reasons: str) -> bool:
        return self.goes_on and self.is_fed and self.state.waits.startswith(reasons)

    @property
    def waits(self) -> str:
        """Why nothing happens although something should; "" if it does, or nobody has said."""
        if self.goes_on and not self.is_fed:
            return "no worker is there to carry it on"
        return self.state.waits

    def check_at_rest(self) -> None:
        """Raises NotAllowedError while rows of the run are under way."""
        run = self.state.spec.run
        if self.state.status is Status.RUNNING:
            raise NotAllowedError(f"run {run} goes on: pause or cancel it first")
        if under_way := len(self.state.in_flight):
            raise NotAllowedError(
                f"run {run} is {self.state.status}, and {under_way} of its jobs are still under "
                f"way{f' ({self.waits})' if self.waits else ''}: try again in a moment"
            )


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs as operators see them, the newest first."""

    views: Sequence[RunView]
    unreadable: Sequence[str]
    """Names of those that cannot be read; none of them hides another run."""

    def what_is_unreadable(self) -> Iterator[str]:
        """One line for each."""
        for run in self.unreadable:
            yield f"{run} cannot be read: a newer release has written it, or its state is spoilt"
