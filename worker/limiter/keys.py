"""Where an account's calls are kept in Redis; admit.lua says what each key holds."""

from __future__ import annotations


class CallKeys:
    """The keys of one account."""

    def __init__(self, account: str) -> None:
        prefix = f"revio:{account}:calls"
        self.arrivals = f"{prefix}:arrivals"
        self.state = f"{prefix}:state"
        self.record = f"{prefix}:record"
        self.day_prefix = f"{prefix}:day:"

    def day(self, start: float) -> str:
        """Of the day that began then (Unix time, seconds)."""
        return f"{self.day_prefix}{int(start)}"
