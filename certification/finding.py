"""An experiment's finding and its evidence. Neither holds secrets or customer data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer to one question."""

    name: str
    says: str
    """In a sentence, for people."""
    value: Any = None
    """The same in JSON values."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the account that follow, by field name, as text."""
    is_known: bool = True
    """False if it stays unknown; `says` tells why."""

    @classmethod
    def unknown(cls, name: str, why: str) -> Self:
        return cls(name, why, is_known=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From `document`."""
        return cls(**document)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of an experiment, without its values."""

    operation: str
    asked: str
    """What was asked for, in words."""
    outcome: str
    status: int | None
    code: str | None
    message: str
    seconds: float
    bytes: int

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)
