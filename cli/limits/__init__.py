"""`revio limits` and `revio lane`."""
