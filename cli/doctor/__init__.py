"""`revio doctor`."""
