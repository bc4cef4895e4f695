"""The service that a raw message names in a header, for producers that cannot add a kwarg."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from revio_jobs.contracts.names import SOURCE_HEADER, SOURCE_PATTERN


def source_kwarg(request: Any) -> Mapping[str, object]:  # noqa: ANN401 - Celery's context
    """The job's kwarg of that name; none if the message has no such header. It is judged later."""
    source = request.get(SOURCE_HEADER)
    return {} if source is None else {"source": source}


def shown_source(headers: Mapping[str, Any]) -> str:
    """For operators' eyes; "" if the message names none, or not in the characters allowed."""
    source = headers.get(SOURCE_HEADER)
    # In Python alone `$` also matches before a line's end.
    is_safe = isinstance(source, str) and re.fullmatch(SOURCE_PATTERN.rstrip("$"), source)
    return str(source) if is_safe else ""
