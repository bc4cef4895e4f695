"""Prints every setting as a table: `python -m settings`."""

from settings.table import markdown

print(markdown())  # noqa: T201 - its purpose
