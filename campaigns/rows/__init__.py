"""A campaign's row by the stages of its life after parsing: planned, and ended."""
