"""What Redis's error words mean here, as a table."""

from __future__ import annotations

from docs.generator.tables import table
from revio_jobs.redis_faults import REDIS_FAULTS, Remedy

_DONE = {
    Remedy.RECONNECT: "drops the connection, resolves the name again, connects and repeats",
    Remedy.RELOAD: "loads the script there and repeats",
    Remedy.WAIT: "waits and repeats",
    Remedy.FIX: "says so and repeats rarely: somebody must change Redis or the settings",
}


def redis_faults() -> str:
    """A row for each word, in the order of what is done about it."""
    faults = sorted(REDIS_FAULTS.values(), key=lambda fault: list(Remedy).index(fault.remedy))
    rows = ((f"`{fault.word}`", fault.meaning, _DONE[fault.remedy]) for fault in faults)
    return table(("error", "meaning", "what our processes do"), rows)
