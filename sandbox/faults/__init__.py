"""Faults on demand: the catalogue, and when each strikes."""
