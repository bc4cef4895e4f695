"""A `revio` command on a terminal of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def interrupted(
    arguments: list[str], variables: Mapping[str, str], *, after: bytes
) -> tuple[int, bytes]:
    """Send Ctrl-C once `after` was shown twice; returns the exit code and standard error."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", **variables}
    command = [sys.executable, "-m", "cli", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        try:
            output = b""
            while output.count(after) < 2:
                output += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    os.close(ours)
    os.close(theirs)
    return process.returncode, err
