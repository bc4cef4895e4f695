"""A release reads what the one before has written: no form changes without a new version."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.store.keys import AccountKeys, RunKeys
from revio_jobs.broker import HELD, HELD_AT, LATER, REVOKED
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.version import __version__
from tests.integration.wire_forms import RUN, dump, wire_forms
from worker.limiter.charge import CallKeys

GOLDEN = Path(__file__).parent / "wire"
CHANGED = """
The forms on the wire are not those of release {version}. During an upgrade workers and producers of
two releases run side by side, so each must understand the other (docs/operators/deploy.md). Does it
hold for this change? Then raise the version in client/src/revio_jobs/version.py and write them:
python -m tests.integration.wire_forms > tests/integration/wire/<version>.json
"""
CELERYS = {"revio:broker:unacked", "unacked", "unacked_index"}
"""What kombu holds: answers to commands, and messages of other apps."""


@pytest.fixture(scope="module")
def forms(redis_server: Any) -> Any:
    # As the file holds them: JSON knows no tuple.
    return json.loads(dump(wire_forms(redis_server.url)))


def test_the_forms_on_the_wire_are_those_of_this_version(forms: Any) -> None:
    golden = json.loads((GOLDEN / f"{__version__}.json").read_text(encoding="utf-8"))
    differences = {
        f"{scene}: {key}": (golden.get(scene, {}).get(key), forms.get(scene, {}).get(key))
        for scene in golden | forms
        for key in golden.get(scene, {}) | forms.get(scene, {})
        if golden.get(scene, {}).get(key) != forms.get(scene, {}).get(key)
    }
    assert not differences, CHANGED.format(version=__version__)


def names(keys: object) -> Iterator[str]:
    """Of single keys; prefixes of names are left out."""
    return (
        name
        for attribute, name in vars(keys).items()
        if not attribute.lstrip("_").endswith("prefix")
    )


@pytest.mark.parametrize(
    "name",
    [
        *names(LedgerKeys("default")),
        *names(CallKeys("default")),
        *names(AccountKeys("default")),
        *names(RunKeys("default", RUN)),
        *(HELD, HELD_AT, LATER, REVOKED),
    ],
)
def test_each_key_has_its_form(forms: Any, name: str) -> None:
    assert any(name in keys for keys in forms.values())


def test_each_kind_of_key_that_operators_are_told_of_has_its_form(forms: Any) -> None:
    page = Path("docs/redis.md").read_text(encoding="utf-8")
    table = page.partition("## What is kept")[2].partition("## Dead letters")[0]
    kinds = [
        re.sub(r"<\w+>.*|…", "", kind)
        for line in re.findall(r"^\| (`.+?) \|", table, flags=re.MULTILINE)
        for kind in re.findall(r"`([^`]+)`", line)
        if kind not in CELERYS
    ]
    keys = {key for scene in forms.values() for key in scene}
    missing = [
        kind
        for kind in kinds
        if not any(key.removeprefix("revio:default:").startswith(kind) for key in keys)
    ]
    assert missing == []
