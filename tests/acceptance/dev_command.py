"""A command of `make dev` or `make demo` in a process of its own, once it has said something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@dataclass
class DevCommand:
    """A running command, what it has printed so far and the processes that it has started."""

    process: subprocess.Popen[str]
    output: str
    children: list[psutil.Process]

    def end(self) -> int:
        """Wait until it ends. Returns its exit code."""
        self.output += self.process.communicate(timeout=2 * PATIENCE_S)[0]
        return self.process.returncode

    def left(self) -> list[psutil.Process]:
        """Its processes that still run."""
        return [
            child
            for child in self.children
            if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
        ]


@contextmanager
def dev_command(module: str, directory: Path, *, until: str) -> Iterator[DevCommand]:
    """Run `python -m module` until it prints `until`; it has `directory` for temporary files."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout
            output = ""
            while until not in output:
                line = process.stdout.readline()
                assert line, output
                output += line
            children = psutil.Process(process.pid).children(recursive=True)
            yield DevCommand(process, output, children)
        finally:
            process.kill()
