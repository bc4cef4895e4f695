"""Child processes that do not outlive this one, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# Asks Linux to kill the child when its parent dies, makes sure that this has not happened yet, and
# becomes the command. A `preexec_fn` could do so too, but may deadlock where threads run.
_BIND_TO_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def spawn(
    command: Sequence[str],
    *,
    output: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, which a Ctrl-C in the terminal spares.

    On Linux it is killed when the calling thread ends, so call from one that lasts; elsewhere only
    `stop` ends it. `output` takes both its streams.
    """
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid()), *command]
    return subprocess.Popen(  # noqa: S603 - the caller's command, without a shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """End the process and its group: asked first, killed when `patience_s` is over."""
    signal_group(process, signal.SIGTERM)
    wait_or_kill(process, patience_s=patience_s)


def wait_or_kill(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """For a process that has been asked to end."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also when a second Ctrl-C interrupts the wait, and for what the process left behind.
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group as a crash would."""
    signal_group(process, signal.SIGKILL)
    process.wait()


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the process and all its descendants that stayed in its group."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS answers so for a group of the dead
        return
