"""When a run halts by itself."""

from __future__ import annotations

from campaigns.run.state import Outcome, RunState


def too_bad(state: RunState, *, at_stage_end: bool) -> str:
    """Why the run must halt; "" if it need not.

    Rates count once enough rows have ended, and at a stage's end anyway: a canary is small.
    """
    halt = state.spec.halt
    ended = sum(state.ended(each) for each in Outcome)
    if not ended or (ended < halt.after and not at_stage_end):
        return ""
    for what, limit, outcomes in (
        ("failed", halt.errors_percent, (Outcome.FAILED,)),
        ("drifted", halt.drift_percent, (Outcome.DRIFTED, Outcome.SUPERSEDED)),
    ):
        count = state.ended(*outcomes)
        if count * 100 > limit * ended:
            return f"{count} of {ended} rows {what}, more than {limit:g} %"
    return ""
