"""The producer's commands, and what a job waits for."""
