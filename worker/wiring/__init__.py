"""Puts the parts together from the settings. It re-exports nothing: each part is paid for alone."""
