"""Finds out by experiments what an account at the vendor does: `revio certify`."""
