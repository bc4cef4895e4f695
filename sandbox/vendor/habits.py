"""What nobody knows of the vendor's service beyond its WSDL, as independent choices.

The defaults are the friendliest. Each field is an option of the command line, with its annotation
as the help.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class AnswerKeys(StrEnum):
    SAME = "same"
    """An answer's Header repeats the session's key."""
    NONE = "none"
    NEW = "new"
    """It brings another key, and both live."""
    MOVED = "moved"
    """It brings another key, and the old one is dead."""


class SessionCount(StrEnum):
    MANY = "many"
    ONE = "one"
    """A login ends the sessions before it."""


class SessionLife(StrEnum):
    ABSOLUTE = "absolute"
    SLIDING = "sliding"
    """Each use restarts the session's lifetime."""


class FilterLogic(StrEnum):
    AND = "and"
    OR = "or"
    IDS = "ids"
    """Ids count, and the other filters only where no id is given."""


class UnknownIds(StrEnum):
    OMITTED = "omitted"
    REFUSED = "refused"
    EMPTY = "empty"
    """A record comes that has nothing but the id."""


class Clearing(StrEnum):
    NULL = "null"
    IGNORED = "ignored"
    ZERO = "zero"
    """nil stores the type's zero; of texts the empty one."""
    REFUSED = "refused"


class EmptyTexts(StrEnum):
    KEPT = "kept"
    NULL = "null"
    IGNORED = "ignored"


class NoDate(StrEnum):
    NULL = "null"
    MINIMUM = "minimum"
    """A query shows 0001-01-01 for no date."""


class Rounding(StrEnum):
    HALF_UP = "half-up"
    HALF_EVEN = "half-even"
    DOWN = "down"
    REFUSED = "refused"


class Numbers(StrEnum):
    ANY = "any"
    NOT_NEGATIVE = "not-negative"
    POSITIVE = "positive"


class Overflow(StrEnum):
    CUT = "cut"
    REFUSED = "refused"


class Charset(StrEnum):
    ALL = "all"
    LATIN = "latin"
    """Other characters become question marks."""


class LineBreaks(StrEnum):
    KEPT = "kept"
    BLANK = "blank"


class OuterBlanks(StrEnum):
    KEPT = "kept"
    TRIMMED = "trimmed"


class UpdateReaction(StrEnum):
    APPLIED = "done"
    REFUSED = "refused"


class Minute(StrEnum):
    SLIDING = "sliding"
    FIXED = "fixed"


@dataclass(frozen=True, kw_only=True)
class Habits:
    """One possible vendor; of the numbers, 0 sets no limit."""

    answer_keys: Annotated[AnswerKeys, "session key in an answer's Header"] = AnswerKeys.SAME
    sessions: Annotated[SessionCount, "sessions that live side by side"] = SessionCount.MANY
    session_life: Annotated[SessionLife, "what a session's life counts from"] = SessionLife.ABSOLUTE
    expired_session_message: Annotated[str, "Message of a dead session"] = (
        "The session has expired or does not exist."
    )
    records_per_answer: Annotated[int, "records after which an answer is cut short in silence"] = 0
    ms_per_id: Annotated[float, "milliseconds that each id of a query takes"] = 0.0
    filters: Annotated[FilterLogic, "how filters of several kinds are joined"] = FilterLogic.AND
    unknown_ids: Annotated[UnknownIds, "what a query says of unknown ids"] = UnknownIds.OMITTED
    resets: Annotated[str, "field of the update that is emptied if left out, such as Code2"] = ""
    clearing: Annotated[Clearing, "what nil does to a field"] = Clearing.NULL
    empty_texts: Annotated[EmptyTexts, "what an empty text is stored as"] = EmptyTexts.KEPT
    no_date: Annotated[NoDate, "how a query shows that there is no date"] = NoDate.NULL
    rate_decimals: Annotated[int, "decimals that a rate keeps"] = 4
    rounding: Annotated[Rounding, "what becomes of a rate's other decimals"] = Rounding.HALF_UP
    rates: Annotated[Numbers, "rates that are allowed; others are refused"] = Numbers.ANY
    largest_rate: Annotated[int, "rate above which an update is refused"] = 0
    quantities: Annotated[Numbers, "quantities that are allowed; others are refused"] = Numbers.ANY
    date_shift: Annotated[int, "days by which a written date is shifted"] = 0
    text_limit: Annotated[int, "characters that a text may have"] = 0
    text_overflow: Annotated[Overflow, "what becomes of a longer text"] = Overflow.CUT
    charset: Annotated[Charset, "characters that a text may hold"] = Charset.ALL
    line_breaks: Annotated[LineBreaks, "what becomes of line breaks"] = LineBreaks.KEPT
    outer_blanks: Annotated[OuterBlanks, "blanks at the ends of a text"] = OuterBlanks.KEPT
    equal_updates: Annotated[UpdateReaction, "an update that changes nothing"] = (
        UpdateReaction.APPLIED
    )
    disconnected: Annotated[UpdateReaction, "an update of a disconnected product"] = (
        UpdateReaction.APPLIED
    )
    minute: Annotated[Minute, "whether the gateway's minute slides or is fixed"] = Minute.SLIDING
