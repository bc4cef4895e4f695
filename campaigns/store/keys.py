"""The names of a campaign's keys in Redis."""

from __future__ import annotations

WHAT = "the store of campaigns"
"""What is said to be out of reach when Redis is."""

SIGNERS = "revio:console:signers"
"""Public halves of signing keys, by their IDs: whoever writes here decides who is believed."""

ROWS_PER_CHUNK = 500
"""A chunk's outcomes are one small hash, which Redis packs tightly up to 512 fields."""


class AccountKeys:
    """What belongs to an account's campaigns together."""

    def __init__(self, account: str) -> None:
        prefix = f"revio:{account}:campaigns"
        self.feeder = f"{prefix}:feeder"
        self.active = f"{prefix}:active"
        self.all = f"{prefix}:all"
        self.approvals = f"{prefix}:approvals"
        self.clearable = f"{prefix}:clearable"


class RunKeys:
    """What belongs to one run."""

    def __init__(self, account: str, run: str) -> None:
        self.prefix = f"revio:{account}:campaign:{run}"
        self.spec = f"{self.prefix}:spec"
        self.control = f"{self.prefix}:control"
        self.progress = f"{self.prefix}:progress"
        self.todo = f"{self.prefix}:todo"
        self.in_flight = f"{self.prefix}:in-flight"
        self.rows = f"{self.prefix}:rows"
        self.ids = f"{self.prefix}:ids"
        self.details = f"{self.prefix}:details"
        self.errors = f"{self.prefix}:errors"
        self.pace = f"{self.prefix}:pace"
        self.audit = f"{self.prefix}:audit"
        self.outcomes_prefix = f"{self.prefix}:outcomes:"

    @property
    def state(self) -> tuple[str, ...]:
        """All of the run but its outcomes, of which each chunk has a key."""
        return (
            *(self.spec, self.control, self.progress, self.todo, self.in_flight, self.rows),
            *(self.ids, self.details, self.errors, self.pace, self.audit),
        )

    def outcomes(self, chunk: int) -> str:
        return f"{self.outcomes_prefix}{chunk}"
