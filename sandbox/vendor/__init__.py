"""What the vendor is and does: products, sessions, limits, operations."""
