"""Something that does not go on by itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Concern:
    """What needs a person, and what to do about it."""

    account: str
    about: str
    says: str
    fix: str

    def document(self) -> dict[str, str]:
        """JSON values."""
        return asdict(self)
