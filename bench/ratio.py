"""One figure of ours against a peer's: turn and turn about, as a ratio with its spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

PAIRS = 5


@dataclass(frozen=True)
class Target:
    """What a ratio, ours by theirs, should be."""

    name: str
    unit: str
    least: float | None = None
    most: float | None = None

    def is_met(self, ratio: float) -> bool:
        return (self.least is None or ratio >= self.least) and (
            self.most is None or ratio <= self.most
        )

    def __str__(self) -> str:
        if self.least is not None:
            return f"at least {self.least:g}"
        return "reported" if self.most is None else f"at most {self.most:g}"


def compare(
    target: Target, ours: Callable[[], float], theirs: Callable[[], float], pairs: int = PAIRS
) -> float:
    """Measures both `pairs` times and prints a line of the table. Returns the median ratio."""
    measured = [(ours(), theirs()) for _ in range(pairs)]
    ratios = sorted(mine / peer for mine, peer in measured)
    mine, peer = (median(column) for column in zip(*measured, strict=True))
    verdict = "met" if target.is_met(median(ratios)) else "MISSED"
    print(
        f"| {target.name} | {median(ratios):.3g} | {ratios[0]:.3g} to {ratios[-1]:.3g} "
        f"| {target} | {verdict} | {mine:.4g} against {peer:.4g} {target.unit} |",
        flush=True,
    )
    return median(ratios)


def heading() -> None:
    print("| what | ratio | from, to | target | | figures (median) |")
    print("|---|---|---|---|---|---|")
