"""Price lists: what a campaign's rows are read from."""
