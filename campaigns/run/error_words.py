"""What failed rows are counted by: the words of their error, without what is particular to one."""

from __future__ import annotations

from campaigns.run.state import EndedRow, Outcome

_MOST_CHARACTERS = 200
_AROUND = ".,:;()'\""


def error_words(row: EndedRow) -> str:
    """The same words about other products count as the same; "" for a row that did not fail."""
    if row.outcome is not Outcome.FAILED:
        return ""
    text = f"{row.detail.get('error')}: {row.detail.get('says')}"
    words = ("…" if word.strip(_AROUND).isdigit() else word for word in text.split())
    return " ".join(words)[:_MOST_CHARACTERS]
