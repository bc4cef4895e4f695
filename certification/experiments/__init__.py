"""The experiments, one file per family."""
