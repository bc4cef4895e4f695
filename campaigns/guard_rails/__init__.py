"""Guard rails: what a campaign must not do to a price, or not without a reason."""
