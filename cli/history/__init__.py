"""The commands that write and check the history of updates."""
