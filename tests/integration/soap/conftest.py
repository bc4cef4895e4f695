"""The sandbox that most tests of the gateway call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import RunningSandbox, running


@pytest.fixture(scope="module")
def running_box() -> Iterator[RunningSandbox]:
    with running(customers=40, calls_per_minute=0) as box:
        yield box


@pytest.fixture
def box(running_box: RunningSandbox) -> RunningSandbox:
    """A sandbox as it was when it started, with 40 customers and no limit."""
    running_box.reset()
    return running_box
