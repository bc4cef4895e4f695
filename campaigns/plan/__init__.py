"""Plans: what a campaign will change, for those who approve it."""
