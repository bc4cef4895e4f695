"""Random vendors: every knob of the sandbox, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from random import Random

from sandbox.contract.shapes import MIXED, Dates, FieldShape, RecordNulls, Records, RequestLists
from sandbox.vendor.habits import Habits

# With the others no update is possible, which is another test's subject.
_SHAPES = [shape.value for shape in FieldShape if shape is not FieldShape.REQUIRED] + [MIXED]
_NUMBERS = {
    "records_per_answer": (0, 0, 20, 50),
    "ms_per_id": (0.0, 0.0, 0.5, 7.0),
    "rate_decimals": (2, 3, 4),
    "largest_rate": (0, 5000),
    "date_shift": (0, 0, 1, -1),
    "text_limit": (0, 40, 100, 255),
}
_TEXTS = {
    "expired_session_message": (
        "The session has expired or does not exist.",
        "Please log on again.",
    ),
    "resets": ("", "", "", "Code2", "Description"),
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "expired-session-code": ("S2006", "", "X17"),
    "session-seconds": ("400", "1200", "3600", "20000"),
    "ids-per-call": ("0", "0", "50", "317", "1000"),
    "read-back-delay": ("0", "0", "0.6", "3", "20", "500-4000"),
    "latency": ("0", "20-300"),
}
FAULTS = (
    *("reset-before", "reset-after", "silent-before", "silent-after", "silent-late"),
    *("html-502-before", "html-502-after", "http-500-after", "http-503-before", "soap-fault-after"),
    *("empty-body-after", "accepted-202-before", "short-body", "deadlock", "throttled-429"),
    *("throttled-429-bare", "quota-403", "out-of-service-502-after"),
)


@dataclass(frozen=True)
class Vendor:
    """What the sandbox is started with, and what happens to the run."""

    flags: tuple[str, ...]
    options: frozenset[str]
    has_faults: bool
    kills: tuple[int, ...]
    """Calls after which the process dies, one after the other."""
    calls_per_minute: int


def random_vendor(random: Random) -> Vendor:
    has_faults = random.random() < 0.4
    faults = random.sample(FAULTS, 4) if has_faults else []
    is_bursting = not has_faults and random.random() < 0.3
    limit = 60 if is_bursting else 100_000
    return Vendor(
        (
            f"--seed={random.randrange(1000)}",
            f"--calls-per-minute={limit}",
            *(f"--{name}={random.choice(values)}" for name, values in _OPTIONS.items()),
            *_shapes(random),
            *_habits(random),
            *(f"--fault={name}:0.02" for name in faults),
        ),
        frozenset({"--slow"} if random.random() < 0.5 else ())
        | ({"--burst"} if is_bursting else frozenset()),
        has_faults,
        tuple(random.randrange(2, 250) for _ in range(random.choice((0, 0, 1, 3)))),
        limit if is_bursting else 500,
    )


def _shapes(random: Random) -> list[str]:
    return [
        f"--update-shape={random.choice(_SHAPES)}",
        f"--request-lists={random.choice(list(RequestLists))}",
        f"--records={random.choice(list(Records))}",
        f"--record-nulls={random.choice(list(RecordNulls))}",
        f"--dates={random.choice(list(Dates))}",
        f"--ports={random.choice(('11,12', '12,11', '11', '12'))}",
    ]


def _habits(random: Random) -> list[str]:
    flags = []
    for known in fields(Habits):
        kind = type(known.default)
        if issubclass(kind, StrEnum):
            choices: tuple[object, ...] = tuple(kind)
        else:
            choices = _NUMBERS.get(known.name, ()) or _TEXTS[known.name]
        flags.append(f"--{known.name.replace('_', '-')}={random.choice(choices)}")
    return flags
