"""The owners whose products are selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Missing:
    """How many there are of them, and the first few."""

    count: int
    first: tuple[int, ...]

    @classmethod
    def of(cls, ids: Sequence[int]) -> Missing:
        """Owners of all products."""
        return cls(len(ids), tuple(ids[:_NAMED]))

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.first) else ""
        return ", ".join(map(str, self.first)) + more


@dataclass(frozen=True, slots=True)
class Owners:
    """Customers and lines by Rev.io's own ids."""

    customers: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()

    @classmethod
    def of(cls, customers: Sequence[int], lines: Sequence[int]) -> Owners:
        """Each named once, in the order given."""
        return cls(tuple(dict.fromkeys(customers)), tuple(dict.fromkeys(lines)))

    def __bool__(self) -> bool:
        return bool(self.customers or self.lines)

    def missing(self) -> dict[str, Missing]:
        """By "customer" and "line", if these have no products."""
        kinds = {"customer": self.customers, "line": self.lines}
        return {kind: Missing.of(ids) for kind, ids in kinds.items() if ids}
