"""The settings' names in the environment: `REVIO_` and `__` between the levels."""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = "REVIO_"
SECRETS_DIR_VARIABLE = f"{PREFIX}SECRETS_DIR"


def variable(location: Iterable[object]) -> str:
    """The environment variable of a field, given the names on the way to it."""
    return PREFIX + "__".join(str(part).upper() for part in location)
