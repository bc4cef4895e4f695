"""Requests as bytes, and the guard that reads them back before they leave."""
