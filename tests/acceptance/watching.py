"""What tests see of a stack from outside."""

from __future__ import annotations

from cli.dev.stack import Stack


def events(stack: Stack, name: str) -> int:
    """How often the worker called "bulk" has logged it."""
    return stack.services["bulk"].output().count(f'"event": "{name}"')
