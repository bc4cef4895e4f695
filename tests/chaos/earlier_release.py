"""Another commit's code, run by some of the processes beside this one's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.dev.service import Service
from cli.dev.stack import ROOT


@contextmanager
def checkout(commit: str | None) -> Iterator[Path | None]:
    """A directory with the commit's files; None without a commit."""
    if commit is None:
        yield None
        return
    with TemporaryDirectory(prefix="revio-beside-") as name:
        archive = Path(name) / "archive.tar"
        command = ["git", "-C", str(ROOT), "archive", f"--output={archive}", commit]
        subprocess.run(command, check=True)
        subprocess.run(["tar", "-xf", str(archive), "-C", name], check=True)
        yield Path(name)


def run_from(directory: Path, service: Service) -> None:
    """Start the service anew with that code, in the environment of this one."""
    service.kill()
    places = (directory, directory / "client" / "src")
    service.environment = {
        **service.environment,
        "PYTHONPATH": os.pathsep.join(map(str, places)),
    }
    service.start()
