"""Sentry's client in the tests' own process, of which nothing stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.transport import Transport

# Integrations that enable themselves wrap Celery and redis-py for good.
_init = partial(sentry_sdk.init, default_integrations=False, auto_enabling_integrations=False)


@contextmanager
def sentry_client(transport: type[Transport], integration: Integration) -> Iterator[None]:
    """Follows everything until the end of the context."""
    _init(
        "http://key@localhost/1",
        transport=transport,
        traces_sample_rate=1.0,
        integrations=[integration],
    )
    yield
    _init()
