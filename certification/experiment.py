"""An experiment: its question, what it costs, what it writes, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from certification.finding import Finding
from certification.lab import Lab
from certification.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Scene:
    """What an experiment works with."""

    lab: Lab
    bench: Workbench
    findings: Mapping[str, Finding]
    """Findings of the earlier experiments, by name."""
    products: Sequence[int]
    """The named products: they exist, and the bench may change them unless it only reads."""
    day_ends_at: float | None = None
    """When a quota answer that a worker has met said that the day ends; Unix time."""

    @property
    def anchor(self) -> int:
        """A product that is known to exist; 1 if none was named."""
        return self.products[0] if self.products else 1

    def known(self, name: str) -> object:
        """The value of an earlier finding; None if it is unknown."""
        finding = self.findings.get(name)
        return finding.value if finding and finding.is_known else None


@dataclass(frozen=True, slots=True)
class Experiment:
    """One family's question."""

    name: str
    question: str
    calls: int
    """Vendor calls that it makes at most, repetitions included."""
    run: Callable[[Scene], Iterator[Finding]]
    writes: str = ""
    """What it writes and restores; "" for nothing."""
    option: str = ""
    """The option that asks for it; "" if it is always made."""
    duration: str = ""
    """If it takes long."""
