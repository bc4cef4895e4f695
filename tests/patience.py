"""How long a test waits for what must happen."""

PATIENCE_S = 300.0
"""Seconds until a test gives up.

What it waits for comes long before on a quiet machine, and still comes on a busy one: no test
measures speed by it; `bench/` does.
"""
