"""Rules: expressions over a product's fields, and rounding."""
