"""`revio dead`."""
