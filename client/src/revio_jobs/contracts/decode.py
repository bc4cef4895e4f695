"""From what a producer gave, or a raw message carried, to a job or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from revio_jobs.contracts.jobs import QueryJob, UpdateJob
from revio_jobs.contracts.problems import problems_of
from revio_jobs.errors import InvalidJob

J = TypeVar("J", QueryJob, UpdateJob)


def decode(kind: type[J], fields: Mapping[str, Any]) -> J:
    """The job of those fields. Raises InvalidJob with one line a fault."""
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as exc:
        raise InvalidJob(problems_of(kind, exc)) from None
