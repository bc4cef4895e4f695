"""The session that an account's processes share."""
