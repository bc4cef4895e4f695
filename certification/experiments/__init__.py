"""The experiments, one file a family."""
