"""Which fault, if any, the next call meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from sandbox.faults.catalogue import FAULTS, REFUSE, Fault


@dataclass
class FaultRule:
    """A fault for the next `left` matching calls, or (None) for all; of those a `rate` meets
    it. `seconds` and `field` replace the fault's own where it has a use for them.
    """

    fault: Fault
    rate: float = 1
    left: int | None = None
    operation: str | None = None
    ids: frozenset[int] = frozenset()
    seconds: float | None = None
    field: str | None = None

    @classmethod
    def from_json(cls, wanted: Mapping[str, object]) -> FaultRule:
        """From ``{"fault": …, "next": n | "rate": r, "operation": …, "ids": […], "seconds": …,
        "field": …}``; without next and rate it is the next call. Raises ValueError.
        """
        unknown = wanted.keys() - _JSON_NAMES
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        name = wanted.get("fault")
        if name not in FAULTS:
            raise ValueError(f"{name!r} is not a fault; there are {', '.join(sorted(FAULTS))}")
        ids = wanted.get("ids") or ()
        if not isinstance(ids, Iterable):
            raise ValueError("ids is a list of integers")  # noqa: TRY004 - bad input, not a bug
        rate, seconds = wanted.get("rate"), wanted.get("seconds")
        left = wanted.get("next", 1 if rate is None else None)
        return cls(
            FAULTS[str(name)],
            rate=1 if rate is None else float(str(rate)),
            left=None if left is None else int(str(left)),
            operation=_text(wanted.get("operation")),
            ids=frozenset(int(str(id_)) for id_ in ids),
            seconds=None if seconds is None else float(str(seconds)),
            field=_text(wanted.get("field")),
        )

    @classmethod
    def from_flag(cls, text: str) -> FaultRule:
        """From ``NAME:RATE[:OPERATION]``. Raises ValueError."""
        name, rate, operation, *_ = [*text.split(":"), "", ""]
        return cls.from_json({"fault": name, "rate": rate or 1, "operation": operation or None})

    def matches(self, operation: str, ids: Iterable[int]) -> bool:
        return (
            self.left != 0
            and self.operation in {None, operation}
            and (not self.ids or not self.ids.isdisjoint(ids))
        )


class FaultPlan:
    """The rules, the newest of which comes first."""

    def __init__(self, rules: Iterable[FaultRule], random: Random) -> None:
        self._initial = tuple(rules)
        self._random = random
        self.reset()

    def reset(self) -> None:
        """The rules there were at first."""
        self._rules = list(self._initial)

    def add(self, rule: FaultRule) -> None:
        self._rules.insert(0, rule)

    def clear(self) -> None:
        self._rules.clear()

    def pick(self, operation: str, ids: Iterable[int]) -> FaultRule | None:
        """The rule that this call meets."""
        wanted = list(ids)
        matching = (
            rule
            for rule in self._rules
            if rule.fault is not REFUSE and rule.matches(operation, wanted)
        )
        return self._first(matching)

    def refuses(self) -> bool:
        """Whether a new request's connection is refused, which is decided before it is read."""
        return (
            self._first(rule for rule in self._rules if rule.fault is REFUSE and rule.left != 0)
            is not None
        )

    def _first(self, rules: Iterable[FaultRule]) -> FaultRule | None:
        for rule in rules:
            if self._random.random() < rule.rate:
                if rule.left is not None:
                    rule.left -= 1
                return rule
        return None


_JSON_NAMES = {"fault", "next", "rate", "operation", "ids", "seconds", "field"}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
