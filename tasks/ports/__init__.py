"""The handlers' ports; the adapters in worker/ implement them."""

from tasks.ports.gateway import (
    Change,
    Filters,
    Gateway,
    PartlyReadable,
    Reader,
    SpoiltAnswer,
    UnreadableRecord,
    Wanted,
)
from tasks.ports.ledger import (
    AlreadyEnded,
    Claimed,
    Lease,
    LeaseLost,
    Ledger,
    NotNow,
    RawMessage,
)
from tasks.ports.permits import (
    Call,
    Permit,
    Permits,
    Purpose,
)

__all__ = [
    "AlreadyEnded",
    "Call",
    "Change",
    "Claimed",
    "Filters",
    "Gateway",
    "Lease",
    "LeaseLost",
    "Ledger",
    "NotNow",
    "PartlyReadable",
    "Permit",
    "Permits",
    "Purpose",
    "RawMessage",
    "Reader",
    "SpoiltAnswer",
    "UnreadableRecord",
    "Wanted",
]
