"""What keeps the console from starting."""

from __future__ import annotations


class ConsoleFault(Exception):
    """Of the settings; the text says what is wrong and what to do."""
