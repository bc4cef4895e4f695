"""How many examples a property test tries."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis's own default, of which the numbers in tests are shares.
_DEFAULT = 100


def examples(count: int) -> int:
    """`count` in `make test`; as many times more as the profile has more than the default."""
    return count * settings.default.max_examples // _DEFAULT
