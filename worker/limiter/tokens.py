"""What names a charge, and tells on whose behalf it was made: `<lane>.<purpose>.<random>`."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

from revio_jobs.contracts import Lane
from tasks.ports import Call, Purpose


def new_token(call: Call) -> str:
    """Different from every other one."""
    return f"{call.lane.value}.{call.purpose.value}.{uuid.uuid4().hex[:16]}"


def count_tokens(tokens: Iterable[str]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """How many charges there are by purpose and by lane; those with none, too."""
    counts = Counter(part for token in tokens for part in token.split(".")[:2])
    return (
        {purpose.value: counts[purpose.value] for purpose in Purpose},
        {lane.value: counts[lane.value] for lane in Lane},
    )
