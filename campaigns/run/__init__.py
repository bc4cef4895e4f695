"""A campaign's run: how its rows become jobs, and how they end."""
