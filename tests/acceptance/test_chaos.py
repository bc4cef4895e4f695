"""The short form of `make chaos`: everything fails at once, and every promise holds."""

from __future__ import annotations

import subprocess
import sys

from cli.dev.stack import ROOT
from tests.patience import PATIENCE_S

SEED = "7"


def test_all_promises_hold_in_a_little_chaos() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--short", "--seed", SEED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"seed {SEED}: " in ended.stdout
