"""Where Celery's loop stands, for whoever must find out why it does not turn."""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path

_CALLS = 6


def loop_stack() -> str:
    """The innermost calls of the main thread, in which the loop runs, the innermost first."""
    frames = sys._current_frames()  # noqa: SLF001 - documented by Python
    frame = frames.get(threading.main_thread().ident or 0)
    calls = traceback.extract_stack(frame)[-_CALLS:] if frame else []
    return " < ".join(
        f"{call.name} ({'/'.join(Path(call.filename).parts[-2:])}:{call.lineno})"
        for call in reversed(calls)
    )
