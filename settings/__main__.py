"""Prints the settings table of the README: `python -m settings`."""

from settings.table import markdown

print(markdown())  # noqa: T201 - its purpose
