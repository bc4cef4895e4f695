"""Why a plan has nothing to do, in words for whoever asked for it."""

from __future__ import annotations

from console.plans.record import Outcome, Wanted

_KINDS = {
    "transient": "failed with an error that may pass",
    "failed": "failed",
    "unprocessed": "was left unprocessed",
}


def nothing_in_words(wanted: Wanted, outcome: Outcome) -> str:
    """Of a plan without a row that changes."""
    if outcome.rows:
        return (
            "Nothing to change: Rev.io has everything as this plan wants it already, or its rows "
            "are left alone for the reasons below."
        )
    match wanted.kind:
        case "retry":
            return f"Nothing to retry: no row of {wanted.of_run} {_KINDS[wanted.only]}."
        case "undo":
            return f"Nothing to undo: {wanted.of_run} has changed nothing."
        case "without":
            return "Nothing is left: every row that would change is unticked."
        case _:
            return (
                "Nothing to change: Rev.io has no products of these customers and lines, or none "
                "that the rules are about."
            )
