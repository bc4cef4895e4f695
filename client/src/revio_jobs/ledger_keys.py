"""The names of the ledger's keys in Redis."""

from __future__ import annotations

from revio_jobs.contracts import Lane


class LedgerKeys:
    """The ledger's keys of one account."""

    def __init__(self, account: str) -> None:
        self._prefix = f"revio:{account}"
        self.sequence = f"{self._prefix}:sequence"
        """Counter: the number of the last submission."""
        self.unused_sequences = f"{self._prefix}:unused_sequences"
        """Counter: numbers that were handed out and belong to no job."""
        self.running = f"{self._prefix}:running"
        """Sorted set: claimed jobs by the end of their lease (ms)."""
        self.delayed = f"{self._prefix}:delayed"
        """Sorted set: jobs by the time of their next attempt (ms)."""
        self.parked_prefix = f"{self._prefix}:parked:"
        """What the name of each product's `parked` begins with."""
        self.ended = f"{self._prefix}:ended"
        """Hash: how many jobs have ended, by outcome."""
        self.dead = f"{self._prefix}:dead"
        """Sorted set: jobs that left a dead letter, by time."""
        self.dead_kinds = f"{self.dead}_kinds"
        """Hash: error classes, each with the longest time for which its letters are kept (ms)."""
        self.history = f"{self._prefix}:history"
        """Stream: ended updates, for export."""
        self.history_number = f"{self._prefix}:history_number"
        """Counter: the number of the last entry of `history`."""

    def record(self, job_id: str) -> str:
        """Hash: the job's payload, lane, state and fencing token."""
        return f"{self._prefix}:job:{job_id}"

    def outcome(self, job_id: str) -> str:
        """String: the job's stored outcome, as JSON, until the result expires."""
        return f"{self._prefix}:outcome:{job_id}"

    def waiting(self, lane: Lane) -> str:
        """Sorted set: the lane's jobs that wait in its queue."""
        return f"{self._prefix}:waiting:{lane.value}"

    def product(self, product_id: int) -> str:
        """Hash: which job holds the product, and which submission last wrote each field."""
        return f"{self._prefix}:product:{product_id}"

    def line(self, product_id: int) -> str:
        """Sorted set: the product's jobs that have not ended, in the order of submission."""
        return f"{self._prefix}:line:{product_id}"

    def parked(self, product_id: int) -> str:
        """Sorted set: jobs that wait until another job of the product has ended."""
        return f"{self.parked_prefix}{product_id}"

    def dead_by(self, error: str) -> str:
        """Sorted set: dead letters of one error class."""
        return f"{self.dead}_by:{error}"

    def dead_letter(self, job_id: str) -> str:
        """Hash: the dead letter itself."""
        return f"{self.dead}:{job_id}"
