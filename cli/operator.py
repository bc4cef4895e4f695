"""Who gives a command."""

from __future__ import annotations

import getpass
import os


def operator_name() -> str:
    """The login of whoever runs this process; the number of it where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
