"""Which versions of its dependencies the client is tried with."""

from __future__ import annotations

import pytest

_ALWAYS = "locked,lowest"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--client-versions",
        default=_ALWAYS,
        help="comma-separated: locked (requirements.lock), lowest or newest (what it declares)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client_versions" in metafunc.fixturenames:
        # Known only if this directory was named on the command line.
        chosen = metafunc.config.getoption("--client-versions", _ALWAYS)
        metafunc.parametrize("client_versions", chosen.split(","), scope="module")
