"""Processes of one's own: a sandbox, a Redis, children that end with their parent."""
