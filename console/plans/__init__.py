"""Uploads and plans on disk, and the process that makes a plan."""
