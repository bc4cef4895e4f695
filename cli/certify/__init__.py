"""`revio certify`."""
