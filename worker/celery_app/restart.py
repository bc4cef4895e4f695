"""SIGHUP, at which Celery ends a worker that has no terminal and starts it anew in its place."""

from __future__ import annotations

from pathlib import Path


def make_restartable(argv: list[str]) -> None:
    """Change the process's arguments to what Python can be started with again.

    Celery takes `sys.argv`, where `python -m celery` and `celery multi` leave the path of a file
    that runs only as a module: the worker would end, and not come back.
    """
    if Path(argv[0]).parts[-2:] == ("celery", "__main__.py"):
        argv[:1] = ["-m", "celery"]
