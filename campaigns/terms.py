"""Under which terms an account's campaigns are planned and run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from campaigns.business_time import BusinessTime
from campaigns.guard_rails.rails import Rails
from campaigns.rules.rounding import Rounding


@dataclass(frozen=True, slots=True)
class HaltRules:
    """When a run halts by itself."""

    errors_percent: float = 5.0
    """Largest share of failed rows among those that ended since the run started, or was last
    resumed after a halt."""
    drift_percent: float = 10.0
    """Largest share of drifted or superseded rows among the same."""
    after: int = 50
    """Rows that must have ended before the rates count; at a stage's end they count anyway."""
    differences: int = 0
    """Rows of a stage that may read back otherwise than planned."""


@dataclass(frozen=True, slots=True)
class Terms:
    """As the settings have them."""

    account: str
    vendor: str
    """See `fingerprint`."""
    ids_per_call: int = 200
    rails: Rails = field(default_factory=Rails)
    rounding: Rounding = field(default_factory=Rounding)
    four_eyes: bool = False
    halt: HaltRules = field(default_factory=HaltRules)
    zone: str = "UTC"
    """The business's time zone."""
    keep_s: int = 90 * 86_400
    is_certified: bool = True
    """Whether there is a certificate of what the account's vendor does."""

    @property
    def time(self) -> BusinessTime:
        """In which times are read and shown."""
        return BusinessTime(self.zone)


def fingerprint(endpoint: str, client_code: str) -> str:
    """Tells one vendor account from another, production from sandbox, without naming them."""
    return hashlib.sha256(f"{endpoint}\n{client_code}".encode()).hexdigest()[:12]
