from __future__ import annotations

import getpass
import os

import pytest

from cli.operator import operator_name


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("No username")])
def test_whoever_has_no_name_goes_by_the_number(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert operator_name() == f"uid {os.getuid()}"
